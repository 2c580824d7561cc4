# Container definitions are instrumented while Terraform plans, in a module of your own. fguard answers Terraform's
# external data source: https://registry.terraform.io/providers/hashicorp/external/latest/docs/data-sources/external
terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
    external = {
      source  = "hashicorp/external"
      version = ">= 2.3"
    }
  }
}

variable "orchestrator_host" {
  description = "DNS name of the orchestrator agent's load balancer."
  type        = string
}

locals {
  container_definitions = [
    {
      name         = "web"
      image        = "nginx:1.27"
      essential    = true
      entryPoint   = ["/docker-entrypoint.sh"]
      command      = ["nginx", "-g", "daemon off;"]
      portMappings = [{ containerPort = 80 }]
    }
  ]
}

data "external" "instrumented" {
  program = [
    "fguard", "instrument", "--format", "terraform-external",
    "--agent-version", "5.0.1",
    "--orchestrator-host", var.orchestrator_host,
  ]
  query = {
    container_definitions = jsonencode(local.container_definitions)
    cpu                   = "512"
    memory                = "1024"
    cpu_architecture      = "X86_64"
  }
}

resource "aws_ecs_task_definition" "web" {
  family                   = "web"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 512
  memory                   = 1024
  container_definitions    = data.external.instrumented.result.container_definitions
  pid_mode                 = data.external.instrumented.result.pid_mode
}

# What fguard warns about; Terraform shows a program's messages only when it fails.
output "warnings" {
  value = data.external.instrumented.result.warnings
}
