"""YAML as people write it."""

from __future__ import annotations

TASK_DEFINITION = """\
# aws ecs register-task-definition --cli-input-yaml file://shop.yaml
family: shop
requiresCompatibilities: [FARGATE]   # never EC2
networkMode: awsvpc
cpu: "512"
memory: '1024'
executionRoleArn: arn:aws:iam::123456789012:role/execution

containerDefinitions:

  # The shop itself.
  - name: web
    image: "nginx:1.27"      # pinned by renovate
    entryPoint: ["/docker-entrypoint.sh"]
    command:
      - nginx
      - -g
      - daemon off;
    environment:
      - {name: STAGE, value: prod}
      - name: FEATURE_FLAGS
        value: >-
          search,
          checkout
    portMappings: [{containerPort: 80, protocol: tcp}]
    essential: true
    # healthCheck: to do

  - name: worker
    image: 123456789012.dkr.ecr.eu-central-1.amazonaws.com/worker:2026.11
    entryPoint:
    - /usr/bin/tini
    - --
    command: [
      "python",  # the interpreter
      "-m", "worker"
    ]
    environment: []   # none yet
    secrets: ~

# ---- tags ----
tags:
- key: team
  value: payments
"""

TEMPLATE = """\
AWSTemplateFormatVersion: 2010-09-09
Description: |
  The shop.
  # not a comment

Parameters:
  Image: {Type: String, Default: 'nginx:1.27'}
  Fargate:
    Type: String
    Default: yes

Conditions:
  Debug: !Not [!Equals [!Ref Stage, prod]]
  Both: !And
    - !Condition Debug
    - !Equals [a, a]

Resources:
  # The task.
  Shop:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: !Sub '${AWS::StackName}-shop'
      RequiresCompatibilities: [FARGATE]
      NetworkMode: awsvpc
      Cpu: 512
      Memory: 1024
      ExecutionRoleArn: !GetAtt ExecutionRole.Arn
      ContainerDefinitions:
        - Name: web
          Image: !Ref Image
          EntryPoint: [/docker-entrypoint.sh]
          Command: !If [Debug, [nginx, -v], [nginx]]
          Environment:
            - Name: URL
              Value: !Join ['', ['https://', !ImportValue 'shop-host']]
            - Name: SUBNET
              Value: !Select [0, !Split [',', !Ref Subnets]]
          LogConfiguration:
            LogDriver: awslogs
            Options:
              awslogs-group: !Ref Logs   # the group
              awslogs-region: !Ref AWS::Region
        - !If
          - Debug
          - Name: debugger
            Image: !FindInMap [Images, !Ref 'AWS::Region', debug]
            EntryPoint: [/bin/debug]
          - !Ref AWS::NoValue   # left out in prod

  ExecutionRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement: []
      UserData: !Base64
        Fn::Sub: |
          #!/bin/sh
          echo ${Image}
"""

SAM = """\
AWSTemplateFormatVersion: '2010-09-09'
Transform: [AWS::Serverless-2016-10-31]
Globals:
  Function: {Timeout: 3}
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: hello/
      Handler: app.handler
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Fn::Transform: {Name: AWS::Include, Parameters: {Location: !Sub 's3://${Bucket}/task.yaml'}}
"""

PASCAL_CASE = """\
Family: shop
RequiresCompatibilities:
- FARGATE
NetworkMode: awsvpc
ContainerDefinitions:
- Name: web
  Image: nginx:1.27
  EntryPoint:
  - /docker-entrypoint.sh
  Command: [nginx]
- Name: worker   # no arguments
  EntryPoint: [/worker]
  Image: worker:1
"""
