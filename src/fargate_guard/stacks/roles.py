"""What ECS itself needs to start a task: the statements of an execution role, and no more than those.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fargate_guard.stacks.images import ECR_IMAGE
from fargate_guard.stacks.yaml_text import Function, get_att, ref, sub, with_literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fargate_guard.stacks.yaml_text import Value

Statement = dict[str, Any]
IN_CHINA = "InChina"
"""Condition of the template: services have a domain of their own there."""
_SECRET_FIELDS = 7
_PARAMETER_FIELDS = 6


@dataclass(frozen=True, slots=True)
class Stored:
    """A secret or an SSM parameter that ECS reads for a task."""

    service: str
    """``secretsmanager`` or ``ssm``."""
    arn: Value
    """Without JSON key and version."""
    region: Value
    """Where it is."""

    @classmethod
    def at(cls, value_from: str, *, bare_name: str) -> Stored:
        """Read a ``valueFrom``: an ARN, or a bare name.

        :param bare_name: what a bare name is, ``ssm`` or (for registry credentials) ``secretsmanager``.
        """
        parts = value_from.split(":")
        here = "${AWS::Region}:${AWS::AccountId}"
        if parts[0] == "arn" and parts[2:3] == ["secretsmanager"]:
            return cls("secretsmanager", ":".join(parts[:_SECRET_FIELDS]), parts[3])
        if parts[0] == "arn":
            return cls("ssm", ":".join(parts[:_PARAMETER_FIELDS]), parts[3])
        if bare_name == "ssm":
            arn = with_literal(f"arn:${{AWS::Partition}}:ssm:{here}:parameter/", value_from.removeprefix("/"))
        else:
            arn = with_literal(f"arn:${{AWS::Partition}}:secretsmanager:{here}:secret:", f"{value_from}-??????")
        return cls(bare_name, arn, ref("AWS::Region"))

    @classmethod
    def parameter(cls, name: str) -> Stored:
        """Take the ARN from a parameter of the template, as :func:`secret_parameters` names it."""
        service = "ssm" if name.endswith("ParameterArn") else "secretsmanager"
        region = Function("!Select", [3, Function("!Split", [":", ref(name)])])
        return cls(service, ref(name), region)


@dataclass(frozen=True, slots=True)
class Needs:
    """What the containers of a task make ECS read and write."""

    log_group_arns: Sequence[Value] = ()
    """Each with ``:*`` behind it: the streams."""
    created_log_group_arns: Sequence[Value] = ()
    """Those that ECS creates (``awslogs-create-group``)."""
    stored: Sequence[Stored] = ()
    environment_files: Sequence[str] = ()
    """ARNs of objects in S3."""
    images: Sequence[str] = ()


def execution_statements(needs: Needs) -> list[Statement]:
    """Return the statements of an execution role's policy."""
    secrets = [one for one in needs.stored if one.service == "secretsmanager"]
    parameters = [one for one in needs.stored if one.service == "ssm"]
    buckets = [arn.partition("/")[0] for arn in needs.environment_files]
    repositories = _repositories(needs.images)
    statements = [
        _allow("WriteLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], needs.log_group_arns),
        _allow("CreateLogGroups", ["logs:CreateLogGroup"], needs.created_log_group_arns),
        _allow("ReadSecrets", ["secretsmanager:GetSecretValue"], [one.arn for one in secrets]),
        _allow("ReadParameters", ["ssm:GetParameters"], [one.arn for one in parameters]),
        _decrypt("DecryptSecrets", "SecretARN", secrets),
        _decrypt("DecryptParameters", "PARAMETER_ARN", parameters),
        _allow("ReadEnvironmentFiles", ["s3:GetObject"], needs.environment_files),
        _allow("LocateEnvironmentFiles", ["s3:GetBucketLocation"], buckets),
        _allow(
            "PullImages",
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            repositories,
        ),
        # AWS knows no resource for this action.
        _allow("LogInToRegistry", ["ecr:GetAuthorizationToken"], ["*"] if repositories else []),
    ]
    return [statement for statement in statements if statement["Resource"]]


def role_arn(role: str) -> Value:
    """Return the ARN of a role that a task definition names by ARN or, as ECS allows, by name."""
    return (
        role
        if role.startswith("arn:")
        else with_literal("arn:${AWS::Partition}:iam::${AWS::AccountId}:role/", role)
    )


def log_group_streams(group: str, region: str | None) -> Value:
    """Return the ARN of all streams of a log group.

    :param region: of ``awslogs-region``; None: the stack's own.
    """
    where = "${AWS::Region}" if region is None or "${" in region else region
    return with_literal(f"arn:${{AWS::Partition}}:logs:{where}:${{AWS::AccountId}}:log-group:", f"{group}:*")


def needs_of(containers: Iterable[Mapping[str, Any]]) -> Needs:
    """Collect what ECS needs for containers.

    :param containers: in the ECS API's own spelling.
    """
    logs = [container.get("logConfiguration", {}) for container in containers]
    options = [
        log["options"]
        for log in logs
        if log.get("logDriver") == "awslogs" and "awslogs-group" in log.get("options", {})
    ]
    made = [one for one in options if str(one.get("awslogs-create-group", "")) == "true"]
    references = [
        secret["valueFrom"]
        for container, log in zip(containers, logs, strict=True)
        for secret in [*container.get("secrets", []), *log.get("secretOptions", [])]
        if "valueFrom" in secret
    ]
    registries = [
        credentials["credentialsParameter"]
        for container in containers
        if (credentials := container.get("repositoryCredentials", {})).get("credentialsParameter")
    ]
    return Needs(
        log_group_arns=_distinct(_streams(one) for one in options),
        created_log_group_arns=_distinct(_streams(one) for one in made),
        stored=[
            *(Stored.at(value, bare_name="ssm") for value in references),
            *(Stored.at(value, bare_name="secretsmanager") for value in registries),
        ],
        environment_files=_distinct(
            file["value"] for container in containers for file in container.get("environmentFiles", [])
        ),
        images=[container.get("image", "") for container in containers],
    )


def _streams(options: Mapping[str, Any]) -> Value:
    return log_group_streams(options["awslogs-group"], options.get("awslogs-region"))


def _allow(sid: str, actions: list[str], resources: Iterable[Value]) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": _distinct(resources)}


def _decrypt(sid: str, context: str, stored: Sequence[Stored]) -> Statement:
    """Whichever customer managed key encrypts a secret may be used for that secret, through its service.

    The key is not named, since a secret's key can change, and can be another account's (its key policy has to
    admit the role then). https://docs.aws.amazon.com/kms/latest/developerguide/services-secrets-manager.html
    """
    if not stored:
        return {"Sid": sid, "Resource": []}
    return {
        **_allow(sid, ["kms:Decrypt"], [sub("arn:${AWS::Partition}:kms:*:*:key/*")]),
        "Condition": {
            "StringEquals": {"kms:ViaService": _distinct(name for one in stored for name in _services(one))},
            "StringLike": {f"kms:EncryptionContext:{context}": _distinct(one.arn for one in stored)},
        },
    }


def _services(stored: Stored) -> list[Value]:
    """The service as KMS sees it. In China there are two domains; which of them KMS compares is not documented."""
    if isinstance(stored.region, str):
        name = f"{stored.service}.{stored.region}.amazonaws.com"
        return [name, f"{name}.cn"] if stored.region.startswith("cn-") else [name]
    if stored.region == ref("AWS::Region"):
        name, given = f"{stored.service}.${{AWS::Region}}.amazonaws.com", {}
    else:
        name, given = f"{stored.service}.${{Region}}.amazonaws.com", {"Region": stored.region}
    chinese = sub(f"{name}.cn", **given)
    return [sub(name, **given), Function("!If", [IN_CHINA, chinese, ref("AWS::NoValue")])]


def _repositories(images: Iterable[str]) -> list[Value]:
    """An image in ECR needs a permission for its repository; one elsewhere needs none."""
    found = [match for image in images if (match := ECR_IMAGE.match(image))]
    return _distinct(
        with_literal(f"arn:${{AWS::Partition}}:ecr:{match[2]}:{match[1]}:repository/", match[3]) for match in found
    )


def _distinct(values: Iterable[Any]) -> list[Any]:
    result: list[Any] = []
    for value in values:
        if value not in result:
            result.append(value)
    return result


def orchestrator_needs(image: str, secret_arns: Sequence[Stored]) -> Needs:
    """Return what ECS needs for the orchestrator."""
    # The log group's own attribute ends with :* already.
    return Needs(log_group_arns=[get_att("OrchestratorLogGroup.Arn")], stored=secret_arns, images=[image])
