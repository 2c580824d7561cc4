"""A network of its own in three zones, each with its way out, by both methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.stack_templates.deployed_stack import deploy_stack
from tests.stack_templates.inventory import Inventory, differences
from tests.terraform_templates.rendered_modules import config, rendered, web

if TYPE_CHECKING:
    from pathlib import Path

    from tests.terraform_templates.account import Account

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


def test_both_methods_give_every_zone_its_own_way_out(
    account: Account, other_account: Account, tmp_path: Path
) -> None:
    settings = config(network={"nat_gateway": "per_zone", "zones": 3, "endpoints": ["s3", "ecr", "logs"]})
    definitions = {"web": web()}
    terraform = account.terraform(tmp_path / "module")
    terraform.deploy(rendered(settings, definitions, access_key_arn=account.access_key_arn))
    deploy_stack(other_account, settings, definitions)
    one, other = (
        Inventory(made_by.client, "t1", {made_by.access_key_arn: "<access key>"})
        for made_by in (account, other_account)
    )
    ways_out = {
        route["NatGatewayId"]
        for name, table in one.resources().items()
        if name.startswith("routes fguard_t1_private")
        for route in table["Routes"]
        if "NatGatewayId" in route
    }
    assert ways_out == {f"<nat fguard_t1_{zone}>" for zone in range(3)}
    assert differences(one, other).keys() == {
        "endpoint fguard_t1_s3: PrivateDnsEnabled",  # AWS ignores it
        "security group fguard_t1_vpc_endpoints: rules",  # Terraform alone can take away a group's only rule
    }
