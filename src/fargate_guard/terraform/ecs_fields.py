"""The fields of a task definition that Terraform can carry to ECS.

The AWS provider decodes ``container_definitions`` into its own structures and drops what it does not know without
a word, and a task definition's other fields need an argument of ``aws_ecs_task_definition``. So everything is
compared with this table, and a field that would be lost is refused by name.

The table is that of provider 5.100.0, the last of the 5.x line, measured by registering a container with every
field of
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html.
Fields that Fargate does not have are in it where they cost nothing: whether they make sense is for ECS to say.
"""

from __future__ import annotations

from fargate_guard.carried_fields import EFS_VOLUME, TASK, Method, Shape, plain

TERRAFORM = Method("Terraform", "the AWS provider (5.x) has no argument for it")

TASK_DEFINITION: Shape = {
    **TASK,
    "volumes": plain("name configuredAtLaunch") | {"host": {}, "efsVolumeConfiguration": EFS_VOLUME},
}
