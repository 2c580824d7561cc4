"""What ``fguard.yaml`` can say, in few templates: every pair of switches is in one of them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from fargate_guard.config import Config
from fargate_guard.config.workload import workload_name
from fargate_guard.stacks.surroundings import Surroundings
from fargate_guard.stacks.template import StackTemplate, orchestrator_template
from tests.stack_templates.rendered_stacks import rendered
from tests.terraform_templates.rendered_modules import CERTIFICATES, config
from tests.terraform_templates.test_module_combinations import covering, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.terraform_templates.test_module_combinations import Choice

_SHORT_ID = re.compile(r'"(vpc|subnet|sg)-([0-9a-f]{4})"')


def settings(choice: Choice) -> Config:
    """The configuration that sets every switch as chosen, with IDs as long as AWS's."""
    text = json.dumps(settings_of(choice).model_dump(mode="json", exclude_unset=True))
    return Config.model_validate_json(_SHORT_ID.sub(r'"\1-\g<2>0123456789abc"', text))


def surroundings(settings: Config) -> Surroundings:
    """What would be found in an account."""
    if settings.network.vpc_id is None:
        return Surroundings(zones=tuple(f"us-east-1{letter}" for letter in "abcdef"[: settings.network.zones]))
    blocks = tuple(f"10.0.{number}.0/24" for number, _subnet in enumerate(settings.network.subnet_ids))
    return Surroundings(
        task_subnet_cidr_blocks=blocks,
        vpc_cidr_blocks=("10.0.0.0/16", "10.1.0.0/16"),
        load_balancer_security_group_ids={
            workload_name(workload): ("sg-0123456789abcdef0",) for workload in settings.workloads
        },
    )


def template(choice: Choice, *, looked_up: bool) -> StackTemplate:
    """The template of a choice, with what is in the account or without."""
    chosen = settings(choice)
    key = chosen.sysdig.access_key
    found = surroundings(chosen) if looked_up else Surroundings()
    return rendered(chosen, access_key_arn=key.secret_arn or key.parameter_arn or "", surroundings=found)


def standing_alone() -> Iterator[StackTemplate]:
    """Templates for StackSets and the console."""
    env = {"region": "us1", "access_key": {"env": "SYSDIG_ACCESS_KEY"}}
    yield orchestrator_template(config(sysdig=env), certificates=CERTIFICATES)
    parameter = {"parameter_arn": "arn:aws:ssm:us-east-1:123456789012:parameter/sysdig/key"}
    yield orchestrator_template(
        config(sysdig={"region": "us1", "access_key": parameter}, network={"nat_gateway": "none"}),
        certificates=CERTIFICATES,
    )


def variants(strength: int) -> Iterator[StackTemplate]:
    """Templates that hold every combination of ``strength`` switches."""
    for number, choice in enumerate(covering(strength)):
        yield template(choice, looked_up=number % 2 == 0)
    yield from standing_alone()


def few_variants() -> Iterator[StackTemplate]:
    """The default, and some that differ from it and from each other as much as can be."""
    yield rendered(config())
    for number, choice in enumerate(covering(2)[:4]):
        yield template(choice, looked_up=number % 2 == 0)
    yield next(standing_alone())
