"""The kinds of values in ``fguard.yaml``: AWS's identifiers as AWS writes them."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,22}[a-z0-9]$")]
VpcId = Annotated[str, StringConstraints(pattern=r"^vpc-[0-9a-f]{4,17}$")]
SubnetId = Annotated[str, StringConstraints(pattern=r"^subnet-[0-9a-f]{4,17}$")]
SecurityGroupId = Annotated[str, StringConstraints(pattern=r"^sg-[0-9a-f]{4,17}$")]
SecretArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:.+$")
]
ParameterArn = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:ssm:[a-z0-9-]+:\d{12}:parameter/.+$")]
KmsKeyArn = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/.+$")]
TargetGroupArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\d{12}:targetgroup/.+$")
]
LoadBalancerArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\d{12}:loadbalancer/.+$")
]
CertificateArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[a-z-]*:(acm|iam):[a-z0-9-]*:\d{12}:(server-)?certificate/.+$")
]
AgentVersion = Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+([.-][0-9A-Za-z.-]+)?$")]
Ipv4Block = Annotated[str, AfterValidator(lambda block: str(ipaddress.IPv4Network(block)))]
Port = Annotated[int, Field(ge=1, le=65535)]
CpuArchitecture = Literal["X86_64", "ARM64"]
LogLevel = Literal["fatal", "critical", "error", "warning", "notice", "info", "debug", "trace"]


class Strict(BaseModel):
    """A mapping that knows all its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
