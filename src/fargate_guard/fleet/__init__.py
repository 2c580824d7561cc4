"""All services and tasks of an account, in and outside a deployment: coverage, orchestrator users, leftovers."""
