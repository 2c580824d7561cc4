"""``fguard policies``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from fargate_guard.cli.command import Invocation, Result, command
from fargate_guard.cli.event_options import Secure, open_client, read_config
from fargate_guard.cli.harmless import one_line
from fargate_guard.cli.option_groups import with_option_groups
from fargate_guard.errors import ExitCode, FguardError, UsageError

if TYPE_CHECKING:
    from fargate_guard.config import Config
    from fargate_guard.sysdig.policies import RuleCoverage
    from fargate_guard.workflows.policies import PoliciesReport, PolicyView

_SHOWN = 8
"""Rules of a policy that are named without --rules."""


@command("policies", example='fguard policies --rule "Write below binary dir"')
@with_option_groups
def policies(
    run: Invocation,
    secure: Secure,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster", metavar="ARN", help="ECS cluster that scopes are held against [the deployed one]."
        ),
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option("--rule", metavar="NAME", help="Exit 3 unless an enabled policy sees this rule there."),
    ] = None,
    rules: Annotated[bool, typer.Option("--rules", help="Name all rules of each policy.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Also policies that do not watch workloads.")] = False,
    aws: Annotated[bool, typer.Option("--aws/--no-aws", help="Look up the deployed cluster.")] = True,
) -> Result:
    """Show the policies of Sysdig Secure for workloads: enabled or not, their rules, whether their scope covers
    this deployment's cluster.

    Needs an API token with the permissions policies.read and falco-rules.read. All about it: docs/rules.md.
    """
    from fargate_guard.sysdig.scope import Place
    from fargate_guard.workflows.policies import report_policies

    config = read_config(run)
    client = open_client(run, config, secure)
    arn, why_unknown = (_given(cluster), None) if cluster else _deployed_cluster(run, config, aws=aws)
    report = report_policies(client, Place(arn), rules=rule or (), every_type=every)
    if why_unknown:
        run.screen.warning(
            f"the cluster is not known, so that scopes are not held against it: {why_unknown} (--cluster ARN)"
        )
    document = {
        "sysdig": {"url": client.address.url, "region": client.address.region},
        "cluster_unknown": why_unknown,
        **report.document(),
    }
    exit_code = ExitCode.VERIFICATION_FAILED if report.uncovered else ExitCode.DONE
    return Result(document, _text(report, every_rule=rules), exit_code)


def _given(cluster: str) -> str:
    if not cluster.startswith("arn:"):
        raise UsageError(
            f"{cluster!r} is no ARN",
            where="--cluster",
            fix="arn:aws:ecs:REGION:ACCOUNT:cluster/NAME (fguard status)",
        )
    return cluster


def _deployed_cluster(run: Invocation, config: Config | None, *, aws: bool) -> tuple[str | None, str | None]:
    """Return the deployment's cluster, or None and why it is not known; that is not worth a long wait."""
    if not aws:
        return None, "AWS was not asked (--no-aws)"
    if config is None:
        return None, f"there is no {run.config_file}"
    from fargate_guard.cli.terraform_options import DEFAULT_LOCK_TIMEOUT, open_deployment
    from fargate_guard.workflows.by_method import outputs_of_deployment

    try:
        context = open_deployment(run, None, DEFAULT_LOCK_TIMEOUT)
        return outputs_of_deployment(replace(context, aws=context.aws.briefly())).cluster.arn, None
    except FguardError as unknown:
        run.screen.detail(f"{unknown.message}: {unknown.why or ''}")
        return None, unknown.message


def _text(report: PoliciesReport, *, every_rule: bool) -> str:
    lines = [line for view in report.views for line in _view(view, every_rule=every_rule)]
    if not report.views:
        lines.append("There is no policy for workloads: nothing that happens in tasks is detected.")
    if report.others:
        lines.append(f"(policies that watch something else: {report.others}; --all)")
    for one in report.coverage:
        lines += _coverage(one)
    return "\n".join(map(one_line, lines)) + "\n"


def _view(view: PolicyView, *, every_rule: bool) -> list[str]:
    policy = view.policy
    state = {True: "applies", None: "perhaps", False: "does not apply"}[view.applies]
    switched = "enabled" if policy.enabled else "NOT ENABLED"
    managed = ", managed by Sysdig" if policy.managed else ""
    lines = [f"{state:<15} {policy.name} ({policy.kind}, {switched}{managed})", f"{'':<15} {view.verdict.why}"]
    enabled = [one.name for one in policy.rules if one.enabled]
    named = enabled if every_rule else enabled[:_SHOWN]
    more = f", and {len(enabled) - len(named)} more (--rules)" if len(enabled) > len(named) else ""
    if policy.rules:
        lines.append(f"{'':<15} rules: {', '.join(named) or 'none enabled'}{more}")
    if policy.disabled_rules:
        lines.append(f"{'':<15} switched off: {', '.join(policy.disabled_rules)}")
    if view.missing_rules:
        lines.append(f"{'':<15} Sysdig has no such rules: {', '.join(view.missing_rules)}")
    return lines


def _coverage(one: RuleCoverage) -> list[str]:
    if one.covered:
        return [f"The rule {one.rule!r} is seen by {', '.join(policy.name for policy in one.seen_by)}."]
    if one.perhaps_by:
        lines = [f"Whether the rule {one.rule!r} is seen depends on scopes:"]
        lines += [f"  the policy {policy.name!r}: scope {policy.scope}" for policy in one.perhaps_by]
    else:
        lines = [f"The rule {one.rule!r} is not seen:"]
    return [*lines, *(f"  {why}" for why in one.obstacles)]
