"""What moto gets wrong, mended: one file per AWS service, each with the page that says what is right."""

from __future__ import annotations


def mend_moto() -> None:
    """Mend moto in this process; doing so again changes nothing."""
    from fargate_guard.sandbox.mends import (
        application_autoscaling,
        awslambda,
        cloudformation,
        ec2,
        ec2_descriptions,
        ecs,
        elbv2,
        iam,
        s3,
        server,
    )

    services = (application_autoscaling, awslambda, cloudformation, ec2, ecs, elbv2, iam, s3, server)
    for service in (*services, ec2_descriptions):
        service.mend()
