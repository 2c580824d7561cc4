"""Networks that would not work are refused by the plan, with the reason and the fix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fargate_guard.terraform.errors import TerraformError
from tests.terraform_templates.rendered_modules import config, rendered, web

if TYPE_CHECKING:
    from pathlib import Path

    from fargate_guard.config import Config
    from tests.terraform_templates.account import Account
    from tests.terraform_templates.existing_network import Surroundings


def refusal(account: Account, folder: Path, settings: Config, definition: dict[str, Any] | None = None) -> str:
    terraform = account.terraform(folder / "module")
    terraform.render(rendered(settings, {"web": definition or web()}, access_key_arn=account.access_key_arn))
    terraform.init()
    with pytest.raises(TerraformError) as caught:
        terraform.driver.plan(folder / "refused.tfplan")
    return "\n".join(diagnostic.detail for diagnostic in caught.value.diagnostics)


def test_subnets_without_a_way_out_or_with_one_that_tasks_cannot_use(
    account: Account, surroundings: Surroundings, tmp_path: Path
) -> None:
    inside = surroundings.subnet_without_a_way_out
    public = surroundings.subnet_ids[0]
    network = surroundings.network(subnet_ids=[public, inside], assign_public_ip=False)
    logging = web(logConfiguration={"logDriver": "awslogs", "options": {"awslogs-group": "/not/there"}})
    told = refusal(account, tmp_path, config(network=network), logging)
    assert f"Subnet {inside} has no way out" in told
    assert f"Subnet {public} is a public one" in told
    assert "Set network.assign_public_ip: true" in told
    assert "The log group /not/there" in told
    assert "create_log_groups: true" in told


def test_subnets_of_another_vpc(account: Account, surroundings: Surroundings, tmp_path: Path) -> None:
    other = account.vpc("10.7.0.0/16")
    stranger = account.subnet(other, "10.7.1.0/24", "b")
    network = surroundings.network(subnet_ids=[surroundings.subnet_ids[0], stranger])
    told = refusal(account, tmp_path, config(network=network))
    assert f"Subnet {stranger} is in {other}, not in {surroundings.vpc_id}" in told


def test_subnets_in_one_zone_in_a_vpc_without_names(
    account: Account, surroundings: Surroundings, tmp_path: Path
) -> None:
    vpc_id = account.vpc("10.6.0.0/16")
    account.route_out(vpc_id)
    subnet_ids = [account.subnet(vpc_id, "10.6.1.0/24", "a"), account.subnet(vpc_id, "10.6.2.0/24", "a")]
    network = surroundings.network(vpc_id=vpc_id, subnet_ids=subnet_ids)
    assert "are all in us-east-1a" in refusal(account, tmp_path, config(network=network))


def test_a_way_out_over_a_nat_gateway_that_is_gone(
    account: Account, surroundings: Surroundings, tmp_path: Path
) -> None:
    vpc_id = account.vpc("10.5.0.0/16")
    subnet_ids = [account.subnet(vpc_id, "10.5.1.0/24", "a"), account.subnet(vpc_id, "10.5.2.0/24", "b")]
    gateways = [account.route_over_nat(vpc_id, subnet_id) for subnet_id in subnet_ids]
    account.client("ec2").delete_nat_gateway(NatGatewayId=gateways[0])
    network = surroundings.network(vpc_id=vpc_id, subnet_ids=subnet_ids, assign_public_ip=False)
    told = refusal(account, tmp_path, config(network=network))
    assert f"Subnet {subnet_ids[0]} has no way out" in told
    assert "a NAT gateway that is gone or not available" in told
    assert subnet_ids[1] not in told
    account.client("ec2").delete_nat_gateway(NatGatewayId=gateways[1])


def test_a_vpc_that_is_not_there(account: Account, surroundings: Surroundings, tmp_path: Path) -> None:
    told = refusal(account, tmp_path, config(network=surroundings.network(vpc_id="vpc-0123456789abcdef0")))
    assert "There is no VPC vpc-0123456789abcdef0 in this account and Region" in told


def test_more_zones_than_fargate_runs_in(account: Account, tmp_path: Path) -> None:
    """us-east-1 has six."""
    told = refusal(account, tmp_path, config(network={"zones": 6}))
    assert "This Region has 5 Availability Zones with Fargate" in told
