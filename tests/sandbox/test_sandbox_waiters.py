"""boto3's own waiters against the embedded AWS, in real time."""

from __future__ import annotations

import time

from fargate_guard.sandbox import Sandbox
from tests.sandbox.sandbox_account import Account, client


def test_boto3_waiters_agree() -> None:
    with Sandbox.start(speed=10) as sandbox:
        account = Account(sandbox, time)
        account.create_service(loadBalancers=account.balanced())
        wait(account, "services_stable", services=["web"])
        assert account.service()["runningCount"] == 2
        task = run_task(account)
        wait(account, "tasks_running", tasks=[task])
        account.ecs.stop_task(cluster=account.name, task=task)
        wait(account, "tasks_stopped", tasks=[task])
        account.ecs.delete_service(cluster=account.name, service="web", force=True)
        wait(account, "services_inactive", services=["web"])
        elb = client(sandbox, "elbv2")
        elb.get_waiter("load_balancer_available").wait(Names=[account.name])


def wait(account: Account, waiter_name: str, **what: object) -> None:
    waiter = account.ecs.get_waiter(waiter_name)
    waiter.config.delay = 0.1
    waiter.wait(cluster=account.name, **what)


def run_task(account: Account) -> str:
    ran = account.ecs.run_task(
        cluster=account.name,
        taskDefinition=account.name,
        launchType="FARGATE",
        networkConfiguration=account.network(),
    )
    return str(ran["tasks"][0]["taskArn"])
