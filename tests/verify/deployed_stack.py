"""What `fguard deploy` builds, built with plain boto3: fast, and independent of the templates."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from fargate_guard.aws.secrets import ensure_access_key
from fargate_guard.aws.session import Aws
from fargate_guard.deployment import DeploymentOutputs
from fargate_guard.taskdef import Settings, instrument
from fargate_guard.verify.await_deployment import await_deployments
from fargate_guard.verify.expected import Expected
from tests.verify.deployed_network import Network
from tests.verify.stack_settings import (
    AGENT,
    CIRCUIT_BREAKER,
    DIRECT_AGENT,
    NAME,
    PORT,
    WEB,
    Json,
    allow,
    config_of,
    trust,
)

if TYPE_CHECKING:
    from fargate_guard.sandbox import Sandbox
    from fargate_guard.verify.rollout_verdict import Verdict


class Stack(Network):
    """The deployment, with clients to break it and the values to look for."""

    def __init__(self, sandbox: Sandbox, topology: str = "orchestrator") -> None:
        super().__init__(sandbox, direct=topology == "direct")
        self.sandbox = sandbox
        self.aws = Aws(environ=sandbox.environment())
        self.ecs, self.iam = self.account.client("ecs"), self.account.client("iam")
        self.logs, self.secrets = self.account.client("logs"), self.account.client("secretsmanager")
        self._access()
        self._ecs()
        self.config = config_of(topology)
        self.outputs = self._outputs()
        self.expected = Expected.of(self.config, self.outputs)
        self.settle()

    # Changing and waiting

    def settle(self, expected: Expected | None = None, timeout: float = 20.0) -> tuple[Verdict, ...]:
        """Wait until both services' newest deployments have ended."""
        return await_deployments(
            self.aws,
            (expected or self.expected).awaited,
            timeout=timeout,
            **self.fast,
        )

    @property
    def fast(self) -> Json:
        """Time for ``await_deployments``: the sandbox is twenty times as fast as usual."""
        return {"clock": time.monotonic, "sleep": lambda _: time.sleep(0.05)}

    # Building

    def _access(self) -> None:
        self.key = ensure_access_key(self.aws, NAME, "the-access-key", tags={})
        self.secret = self.key.split(":::")[0]
        for group in ("/fguard/training/orchestrator", "/fguard/training/web/agent", "/fguard/training/web"):
            self.create_log_group(group)
        self.orchestrator_role = self._role("orchestrator")
        self.web_role = self._role("web")
        self.put_policy("orchestrator", self.orchestrator_statements())
        self.put_policy("web", self.web_statements())

    def create_log_group(self, name: str) -> None:
        self.logs.create_log_group(logGroupName=name, tags=self.tags)
        self.logs.put_retention_policy(logGroupName=name, retentionInDays=30)

    def orchestrator_statements(self) -> list[Json]:
        return [
            allow(
                ["logs:CreateLogStream", "logs:PutLogEvents"],
                "arn:aws:logs:us-east-1:123456789012:log-group:/fguard/training/orchestrator:*",
            ),
            allow(["secretsmanager:GetSecretValue"], self.secret),
        ]

    def web_statements(self) -> list[Json]:
        group = "arn:aws:logs:us-east-1:123456789012:log-group:/fguard/training/web"
        return [
            allow(["logs:CreateLogStream", "logs:PutLogEvents"], [f"{group}:*", f"{group}/agent:*"]),
            allow(
                ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                "arn:aws:ecr:us-east-1:123456789012:repository/web",
            ),
            allow(["ecr:GetAuthorizationToken"], "*"),
            *([allow(["secretsmanager:GetSecretValue"], self.secret)] if self.direct else []),
        ]

    def _role(self, name: str) -> str:
        made = self.iam.create_role(
            RoleName=f"fguard_training_{name}_exec",
            AssumeRolePolicyDocument=json.dumps(trust("ecs-tasks.amazonaws.com")),
            Tags=self.tag_list(),
        )
        return str(made["Role"]["Arn"])

    def put_policy(self, name: str, statements: list[Json]) -> None:
        self.iam.put_role_policy(
            RoleName=f"fguard_training_{name}_exec",
            PolicyName="execution",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}),
        )

    def _ecs(self) -> None:
        made = self.ecs.create_cluster(clusterName="fguard-training", tags=self.tag_list("key", "value"))
        self.cluster = made["cluster"]["clusterArn"]
        self.web_json = instrument(
            {**WEB, "executionRoleArn": self.web_role},
            Settings(
                **self._connection(),
                log_configuration={
                    "logDriver": "awslogs",
                    "options": {
                        "awslogs-group": "/fguard/training/web/agent",
                        "awslogs-region": "us-east-1",
                        "awslogs-stream-prefix": "sysdig",
                    },
                },
            ),
        ).definition
        self.web_definition = self.register(self.web_json)
        self.web_service = self.create_service("fguard_training_web", self.web_definition, self.web_group, 2)
        if not self.direct:
            self._orchestrator()

    def _connection(self) -> Json:
        if self.direct:
            return {
                "topology": "direct",
                "agent_version": DIRECT_AGENT,
                "collector_host": "collector.sysdigcloud.com",
                "access_key_arn": self.key,
            }
        return {"topology": "orchestrator", "agent_version": AGENT, "orchestrator_host": self.host}

    def _orchestrator(self) -> None:
        self.orchestrator_definition = self.register(self.orchestrator_json())
        self.orchestrator_service = self.create_service(
            "fguard_training_sysdig_orchestrator",
            self.orchestrator_definition,
            self.orchestrator_group,
            1,
            loadBalancers=[
                {"targetGroupArn": self.target_group, "containerName": "OrchestratorAgent", "containerPort": PORT}
            ],
        )

    def register(self, definition: Json) -> str:
        given = {key: value for key, value in definition.items() if key != "tags"}
        made = self.ecs.register_task_definition(**given, tags=self.tag_list("key", "value"))
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def orchestrator_json(self) -> Json:
        return {
            "family": "fguard_training_sysdig_orchestrator",
            "requiresCompatibilities": ["FARGATE"],
            "networkMode": "awsvpc",
            "cpu": "2048",
            "memory": "8192",
            "executionRoleArn": self.orchestrator_role,
            "runtimePlatform": {"operatingSystemFamily": "LINUX", "cpuArchitecture": "X86_64"},
            "containerDefinitions": [
                {
                    "name": "OrchestratorAgent",
                    "image": f"quay.io/sysdig/orchestrator-agent:{AGENT}",
                    "essential": True,
                    "portMappings": [{"containerPort": PORT, "protocol": "tcp"}],
                    "environment": [
                        {"name": "COLLECTOR", "value": "collector.sysdigcloud.com"},
                        {"name": "COLLECTOR_PORT", "value": "6443"},
                    ],
                    "secrets": [{"name": "ACCESS_KEY", "valueFrom": self.key}],
                    "logConfiguration": {
                        "logDriver": "awslogs",
                        "options": {
                            "awslogs-group": "/fguard/training/orchestrator",
                            "awslogs-region": "us-east-1",
                            "awslogs-stream-prefix": "ecs",
                        },
                    },
                }
            ],
        }

    def create_service(self, name: str, definition: str, group: str, count: int, **more: Any) -> str:
        made = self.ecs.create_service(
            cluster=self.cluster,
            serviceName=name,
            taskDefinition=definition,
            desiredCount=count,
            launchType="FARGATE",
            platformVersion="1.4.0",
            networkConfiguration=self.network_of(group),
            deploymentConfiguration=CIRCUIT_BREAKER,
            tags=self.tag_list("key", "value"),
            **more,
        )
        return str(made["service"]["serviceArn"])

    def _outputs(self) -> DeploymentOutputs:
        outputs = DeploymentOutputs.of(
            {
                "region": "us-east-1",
                "account_id": "123456789012",
                "partition": "aws",
                "network": {
                    "vpc_id": self.vpc,
                    "created": True,
                    "public_subnet_ids": self.public,
                    "private_subnet_ids": self.private,
                    "task_subnet_ids": self.private,
                    "assign_public_ip": False,
                    "nat_gateway_ids": [self.nat],
                    "internet_gateway_id": self.internet_gateway,
                    "vpc_endpoint_ids": self.endpoints,
                },
                "cluster": {"arn": self.cluster, "name": "fguard-training", "created": True},
                "orchestrator": None if self.direct else self._orchestrator_outputs(),
                "workloads": {
                    "web": {
                        "task_definition_arn": self.web_definition,
                        "family": "fguard_training_web",
                        "service_name": "fguard_training_web",
                        "service_arn": self.web_service,
                        "security_group_id": self.web_group,
                        "execution_role_arn": self.web_role,
                        "task_role_arn": None,
                        "log_group_name": "/fguard/training/web",
                        "agent_log_group_name": "/fguard/training/web/agent",
                        "target_group_arn": None,
                    }
                },
            }
        )
        assert outputs is not None
        return outputs

    def _orchestrator_outputs(self) -> Json:
        return {
            "host": self.host,
            "port": PORT,
            "security_group_id": self.orchestrator_group,
            "load_balancer_security_group_id": self.load_balancer_group,
            "load_balancer_arn": self.load_balancer,
            "target_group_arn": self.target_group,
            "listener_arn": self.listener,
            "service_name": self.orchestrator_service.rsplit("/", 1)[-1],
            "service_arn": self.orchestrator_service,
            "task_definition_arn": self.orchestrator_definition,
            "container_name": "OrchestratorAgent",
            "execution_role_arn": self.orchestrator_role,
            "task_role_arn": None,
            "log_group_name": "/fguard/training/orchestrator",
        }
