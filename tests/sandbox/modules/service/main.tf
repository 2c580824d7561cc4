# A small ECS service as the AWS provider deploys it; with a load balancer when asked for.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

variable "balanced" {
  type = bool
}

variable "command" {
  type = list(string)
}

provider "aws" {
  default_tags {
    tags = { "fguard:deployment" = "sandbox-test" }
  }
}

data "aws_availability_zones" "available" {
  state = "available"
}

data "aws_iam_policy" "execution" {
  name = "AmazonECSTaskExecutionRolePolicy"
}

resource "aws_vpc" "this" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_subnet" "this" {
  count             = 2
  vpc_id            = aws_vpc.this.id
  cidr_block        = "10.0.${count.index}.0/24"
  availability_zone = data.aws_availability_zones.available.names[count.index]
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
}

resource "aws_security_group" "task" {
  name        = "task"
  description = "Tasks"
  vpc_id      = aws_vpc.this.id
}

resource "aws_security_group" "balancer" {
  name        = "balancer"
  description = "Load balancer"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "task" {
  security_group_id            = aws_security_group.task.id
  referenced_security_group_id = aws_security_group.balancer.id
  description                  = "from the load balancer"
  from_port                    = 8080
  to_port                      = 8080
  ip_protocol                  = "tcp"
}

resource "aws_lb" "this" {
  count                            = var.balanced ? 1 : 0
  name                             = "service"
  internal                         = true
  load_balancer_type               = "network"
  subnets                          = aws_subnet.this[*].id
  security_groups                  = [aws_security_group.balancer.id]
  enable_cross_zone_load_balancing = true
}

resource "aws_lb_target_group" "this" {
  count                = var.balanced ? 1 : 0
  name                 = "service"
  port                 = 8080
  protocol             = "TCP"
  target_type          = "ip"
  vpc_id               = aws_vpc.this.id
  deregistration_delay = 30

  health_check {
    protocol            = "TCP"
    healthy_threshold   = 2
    unhealthy_threshold = 2
    interval            = 10
  }
}

resource "aws_lb_listener" "this" {
  count             = var.balanced ? 1 : 0
  load_balancer_arn = aws_lb.this[0].arn
  port              = 8080
  protocol          = "TCP"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[0].arn
  }
}

resource "aws_secretsmanager_secret" "key" {
  name                    = "key"
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "key" {
  secret_id     = aws_secretsmanager_secret.key.id
  secret_string = "not a real key"
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/service"
  retention_in_days = 7
}

resource "aws_iam_role" "execution" {
  name = "execution"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.execution.name
  policy_arn = data.aws_iam_policy.execution.arn
}

resource "aws_ecs_cluster" "this" {
  name = "service"

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_task_definition" "this" {
  family                   = "service"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  pid_mode                 = "task"
  execution_role_arn       = aws_iam_role.execution.arn

  runtime_platform {
    cpu_architecture        = "ARM64"
    operating_system_family = "LINUX"
  }

  ephemeral_storage {
    size_in_gib = 30
  }

  volume {
    name = "scratch"
  }

  container_definitions = jsonencode([{
    name            = "web"
    image           = "example.com/web:1.0"
    command         = var.command
    essential       = true
    portMappings    = [{ containerPort = 8080 }]
    environment     = [{ name = "B", value = "2" }, { name = "A", value = "1" }]
    secrets         = [{ name = "KEY", valueFrom = aws_secretsmanager_secret.key.arn }]
    healthCheck     = { command = ["CMD-SHELL", "true"], interval = 5, timeout = 2, retries = 3, startPeriod = 10 }
    linuxParameters = { capabilities = { add = ["SYS_PTRACE"] } }
    mountPoints     = [{ sourceVolume = "scratch", containerPath = "/scratch", readOnly = false }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = "us-east-1"
        awslogs-stream-prefix = "web"
      }
    }
  }])
}

resource "aws_ecs_service" "this" {
  name                              = "service"
  cluster                           = aws_ecs_cluster.this.id
  task_definition                   = aws_ecs_task_definition.this.arn
  desired_count                     = 2
  launch_type                       = "FARGATE"
  platform_version                  = "1.4.0"
  enable_ecs_managed_tags           = true
  propagate_tags                    = "SERVICE"
  availability_zone_rebalancing     = "ENABLED"
  health_check_grace_period_seconds = var.balanced ? 30 : null
  wait_for_steady_state             = true

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = aws_subnet.this[*].id
    security_groups  = [aws_security_group.task.id]
    assign_public_ip = true
  }

  dynamic "load_balancer" {
    for_each = aws_lb_listener.this
    content {
      target_group_arn = aws_lb_target_group.this[0].arn
      container_name   = "web"
      container_port   = 8080
    }
  }

  depends_on = [aws_iam_role_policy_attachment.execution, aws_internet_gateway.this]
}

resource "aws_appautoscaling_target" "this" {
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.this.name}"
  min_capacity       = 2
  max_capacity       = 4
}
