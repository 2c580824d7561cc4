"""The ECS API of the sandbox: services, tasks and deployments on top of moto."""
