"""Every combination of switches renders to formatted, valid Terraform without a warning."""

from __future__ import annotations

import itertools
import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.terraform_templates.rendered_modules import SECRET_ARN, TerraformFolder, config, rendered

if TYPE_CHECKING:
    from pathlib import Path

    from fargate_guard.config.model import Config

KMS = "arn:aws:kms:us-east-1:123456789012:key/0123"
PROXY = {"host": "proxy.example.com", "port": 3128}
LOAD_BALANCER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/mine/0123"
TARGET_GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/mine/0123"

SWITCHES: dict[str, dict[str, dict[str, Any]]] = {
    "topology": {
        "orchestrator": {},
        "direct": {"agent": {"topology": "direct"}},
    },
    "network": {
        "one NAT gateway": {},
        "NAT gateway per zone": {"network": {"nat_gateway": "per_zone", "zones": 3, "cidr": "10.1.0.0/20"}},
        "public IPs": {"network": {"nat_gateway": "none"}},
        "existing": {"network": {"vpc_id": "vpc-0123", "subnet_ids": ["subnet-0123", "subnet-4567"]}},
        "existing, public": {
            "network": {
                "vpc_id": "vpc-0123",
                "subnet_ids": ["subnet-0a0a", "subnet-0b0b"],
                "assign_public_ip": True,
            }
        },
    },
    "endpoints": {
        "none": {},
        "S3": {"network": {"endpoints": ["s3"]}},
        "interfaces": {"network": {"endpoints": ["ecr", "logs", "secretsmanager", "ssm"]}},
        "all": {"network": {"endpoints": ["s3", "ecr"]}},
    },
    "cluster": {
        "own": {},
        "own with insights": {"cluster": {"container_insights": "enhanced"}},
        "existing": {"cluster": {"name": "mine"}},
    },
    "autoscaling": {
        "no": {},
        "yes": {
            "orchestrator": {
                "autoscaling": {
                    "target_metric": "ECSServiceAverageMemoryUtilization",
                    "target_value": 75.5,
                    "max_capacity": 5,
                }
            }
        },
    },
    "proxy": {
        "none": {},
        "plain": {"orchestrator": {"proxy": PROXY}},
        "with password and CA": {
            "orchestrator": {
                "proxy": PROXY
                | {"user": "u", "password_arn": SECRET_ARN, "ca_certificate": {"file": "proxy.pem"}, "ssl": True}
            }
        },
    },
    "collector CA": {
        "no": {},
        "yes": {"orchestrator": {"collector_ca_certificate": {"file": "collector.pem"}}},
    },
    "orchestrator": {
        "defaults": {},
        "everything": {
            "orchestrator": {
                "cpu_architecture": "ARM64",
                "cpu": 1024,
                "memory": 2048,
                "desired_count": 2,
                "port": 443,
                "log_level": "trace",
                "load_balancer_name": "mine",
                "client_cidr_blocks": ["10.0.0.0/8"],
                "client_security_group_ids": ["sg-0123"],
            }
        },
    },
    "registry": {
        "public": {},
        "with credentials": {"agent": {"image_pull_secret_arn": SECRET_ARN}},
        "ECR": {"orchestrator": {"image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/agent:5.0.1"}},
    },
    "access key": {
        "secret": {},
        "with JSON key": {"sysdig": {"region": "us1", "access_key": {"secret_arn": f"{SECRET_ARN}:key::"}}},
        "parameter": {
            "sysdig": {
                "collector": {"host": "c.example.com", "port": 6666},
                "access_key": {"parameter_arn": "arn:aws:ssm:us-east-1:123456789012:parameter/sysdig/key"},
            }
        },
    },
    "log encryption": {
        "AWS's": {},
        "own key": {"logs": {"kms_key_arn": KMS, "retention_days": 0}},
    },
    "workload": {
        "service": {},
        "none": {"workloads": []},
        "task definition only": {"workloads": [{"task_definition": "web.json"}]},
        "two": {
            "workloads": [
                {"task_definition": "web.json", "service": {"desired_count": 0}},
                {"name": "api", "task_definition": "web.json", "create_log_groups": True},
            ]
        },
        "new target group": {
            "workloads": [
                {
                    "task_definition": "web.json",
                    "service": {
                        "enable_execute_command": True,
                        "security_group_ids": ["sg-0123"],
                        "health_check_grace_period_seconds": 10,
                        "target_group": {
                            "container_name": "web",
                            "container_port": 80,
                            "listener": {"load_balancer_arn": LOAD_BALANCER, "port": 80},
                        },
                    },
                }
            ]
        },
        "existing target group": {
            "workloads": [
                {
                    "task_definition": "web.json",
                    "service": {
                        "target_group": {"container_name": "web", "container_port": 80, "arn": TARGET_GROUP}
                    },
                }
            ]
        },
    },
    "state": {
        "local": {},
        "S3": {"state": {"s3": {"bucket": "states", "key": "t1.tfstate"}}},
    },
}
Choice = tuple[tuple[str, str], ...]
"""One value per switch."""


def possible(choice: Choice) -> bool:
    """Endpoints belong to a VPC that is created; orchestrator settings without one are ignored, not wrong."""
    chosen = dict(choice)
    return not (chosen.get("network", "").startswith("existing") and chosen.get("endpoints", "none") != "none")


def covering(strength: int) -> list[Choice]:
    """Few choices that hold every possible combination of values of every ``strength`` switches."""
    dice = random.Random(2)
    missing = {
        values
        for switches in itertools.combinations(SWITCHES, strength)
        for values in itertools.product(*([(switch, value) for value in SWITCHES[switch]] for switch in switches))
        if possible(values)
    }
    choices = []
    while missing:
        candidates = [completed(min(missing), dice) for _ in range(60)]
        best = max(
            filter(possible, candidates),
            key=lambda choice: len(missing.intersection(itertools.combinations(choice, strength))),
        )
        choices.append(best)
        missing.difference_update(itertools.combinations(best, strength))
    return choices


def completed(part: Choice, dice: random.Random) -> Choice:
    """A choice for every switch, at random where ``part`` has none."""
    chosen = dict(part)
    return tuple((switch, chosen.get(switch) or dice.choice(list(values))) for switch, values in SWITCHES.items())


def settings_of(choice: Choice) -> Config:
    """The configuration that sets every switch as chosen."""
    document: dict[str, Any] = {}
    for switch, value in choice:
        for key, item in SWITCHES[switch][value].items():
            document[key] = {**document.get(key, {}), **item} if isinstance(item, dict) else item
    return config(**document)


def combined(folder: Path, choices: list[Choice]) -> TerraformFolder:
    """A root module that calls a rendered one for every choice: one start of the provider validates them all."""
    calls = {}
    for number, choice in enumerate(choices):
        name = f"choice_{number}"
        module = rendered(settings_of(choice))
        module.write(folder / name)
        calls[name] = {"source": f"./{name}", **module.variables}
    (folder / "main.tf.json").write_text(json.dumps({"module": calls}))
    terraform = TerraformFolder(folder, {})
    terraform.init()
    return terraform


def complaints(terraform: TerraformFolder) -> list[str]:
    """What Terraform says against the modules; an S3 backend counts in root modules only, and these are not."""
    unformatted = [f"not formatted: {path}" for path in terraform.driver.unformatted_files()]
    return unformatted + [
        str(diagnostic)
        for diagnostic in terraform.driver.validate()
        if diagnostic.summary != "Backend configuration ignored"
    ]


def test_every_pair_of_switches_is_formatted_and_valid(tmp_path: Path) -> None:
    assert complaints(combined(tmp_path, covering(2))) == []


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_every_three_switches_are_formatted_and_valid(tmp_path: Path) -> None:
    choices = covering(3)
    for start in range(0, len(choices), 40):
        folder = tmp_path / str(start)
        folder.mkdir()
        assert complaints(combined(folder, choices[start : start + 40])) == []
