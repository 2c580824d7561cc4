"""Services that CodeDeploy, or somebody else, deploys by task sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.sandbox.sandbox_account import Account

Json = dict[str, Any]


def task_set(account: Account, task_definition: str, percent: float = 100) -> Json:
    made: Json = account.ecs.create_task_set(
        cluster=account.name,
        service="web",
        taskDefinition=task_definition,
        launchType="FARGATE",
        networkConfiguration=account.network(),
        scale={"value": percent, "unit": "PERCENT"},
    )["taskSet"]
    return made


def external(account: Account, wanted: int) -> None:
    """A service that says nothing of what it runs."""
    controller = {"type": "EXTERNAL"}
    account.ecs.create_service(
        cluster=account.name, serviceName="web", desiredCount=wanted, deploymentController=controller
    )


def which(account: Account, made: Json) -> Json:
    return {"cluster": account.name, "service": "web", "taskSet": made["taskSetArn"]}


def test_a_task_set_has_its_share_of_the_services_tasks_rounded_up(account: Account) -> None:
    external(account, 3)
    assert ("taskDefinition" in account.service(), account.service()["deployments"]) == (False, [])
    one = task_set(account, account.register(), 50)
    account.clock.advance(10)
    shown = account.service()
    assert [(each["computedDesiredCount"], each["runningCount"]) for each in shown["taskSets"]] == [(2, 2)]
    assert shown["runningCount"] == 2
    assert {task["startedBy"] for task in account.tasks(serviceName="web")} == {one["id"]}
    account.ecs.update_task_set(**which(account, one), scale={"value": 100, "unit": "PERCENT"})
    account.ecs.update_service(cluster=account.name, service="web", desiredCount=5)
    account.clock.advance(10)
    assert account.service()["taskSets"][0]["runningCount"] == 5


def test_a_task_that_stops_is_replaced(account: Account) -> None:
    external(account, 1)
    task_set(account, account.register())
    account.clock.advance(10)
    (before,) = account.tasks()
    account.ecs.stop_task(cluster=account.name, task=before["taskArn"])
    account.clock.advance(20)
    (after,) = account.tasks()
    assert (after["taskArn"] != before["taskArn"], after["lastStatus"]) == (True, "RUNNING")


def test_the_service_shows_what_its_primary_task_set_runs(account: Account) -> None:
    external(account, 1)
    blue, green = task_set(account, account.register()), task_set(account, account.register())
    for made in (blue, green):
        account.ecs.update_service_primary_task_set(
            cluster=account.name, service="web", primaryTaskSet=made["taskSetArn"]
        )
    service = account.service()
    assert service["taskDefinition"] == green["taskDefinition"]
    assert {each["id"]: each["status"] for each in service["taskSets"]} == {
        blue["id"]: "ACTIVE",
        green["id"]: "PRIMARY",
    }


def test_a_task_set_goes_with_its_last_task_and_the_service_with_its_last_task_set(account: Account) -> None:
    external(account, 1)
    made = task_set(account, account.register())
    account.clock.advance(10)
    with pytest.raises(ClientError, match="scaled above 0"):
        account.ecs.delete_task_set(**which(account, made))
    account.ecs.delete_task_set(**which(account, made), force=True)
    assert account.service()["taskSets"][0]["status"] == "DRAINING"
    account.clock.advance(60)
    assert "taskSets" not in account.service()
    task_set(account, account.register())
    account.clock.advance(10)
    account.ecs.delete_service(cluster=account.name, service="web", force=True)
    account.clock.advance(60)
    assert (account.service()["status"], account.tasks()) == ("INACTIVE", [])


def test_codedeploys_service_begins_with_a_primary_task_set_and_is_not_updated_otherwise(account: Account) -> None:
    first = account.register()
    account.create_service(first, deploymentController={"type": "CODE_DEPLOY"}, deploymentConfiguration={})
    account.clock.advance(10)
    (made,) = account.service()["taskSets"]
    assert (made["status"], made["taskDefinition"], made["runningCount"]) == ("PRIMARY", first, 2)
    with pytest.raises(ClientError, match="CODE_DEPLOY deployment controller"):
        account.update(taskDefinition=account.register())
    account.update(desiredCount=1)
    account.clock.advance(60)
    assert account.service()["taskSets"][0]["runningCount"] == 1


def test_what_ecs_deploys_has_no_task_sets(account: Account) -> None:
    account.create_service()
    with pytest.raises(ClientError, match="EXTERNAL deployment controller"):
        task_set(account, account.register())
