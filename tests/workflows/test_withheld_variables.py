"""Which variables of fguard's own environment Terraform and its providers never get."""

from __future__ import annotations

from pathlib import Path

from fargate_guard.aws.session import Aws
from fargate_guard.config.model import Config
from fargate_guard.deployment import DeploymentFolder
from fargate_guard.workflows.context import Context
from fargate_guard.workflows.deployed_module import secret_variables
from tests.verify.test_verification_workflow import Heard


def test_terraform_gets_neither_the_access_key_nor_an_api_token() -> None:
    config = Config.model_validate(
        {
            "name": "training",
            "agent": {"topology": "direct", "version": "6.2.1"},
            "sysdig": {
                "region": "eu1",
                "access_key": {"env": "OUR_KEY"},
                "api": {"token": {"env": "OUR_TOKEN"}},
            },
        }
    )
    file = Path("fguard.yaml")
    context = Context(config, file, DeploymentFolder.of(file, "training"), Aws(region="us-east-1"), {}, Heard())
    assert set(secret_variables(context)) == {
        *("OUR_KEY", "OUR_TOKEN"),
        *("FGUARD_SYSDIG_TOKEN", "SYSDIG_SECURE_TOKEN", "SYSDIG_SECURE_API_TOKEN"),
    }
