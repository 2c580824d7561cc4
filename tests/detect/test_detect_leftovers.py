"""Whose task it is that a run of ``fguard detect`` left: told by process, machine and time; and where it goes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from fargate_guard.aws.lone_tasks import register, run_task
from fargate_guard.aws.session import Aws
from fargate_guard.sandbox import Fault, FaultKind, Sandbox
from fargate_guard.workflows.detect_leftovers import (
    DETECT_TAG,
    family_of,
    is_left,
    mark_of,
    remove_leftovers,
)
from tests.detect.conftest import CONFIG, TRIGGER
from tests.detect.hand_made import context_of
from tests.fguard_process import Fguard
from tests.waiting import wait_until

MARK = "from fargate_guard.workflows.detect_leftovers import mark_of; print(mark_of(9e9), flush=True); input()"


def left(mark: str) -> bool:
    return is_left({"tags": [{"key": DETECT_TAG, "value": mark}]}, time.time())


def test_a_killed_process_that_nobody_has_reaped_is_no_run_under_way() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", MARK], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        mark = process.stdout.readline().strip()
        assert not left(mark)
        assert left(re.sub(r"\d+$", "1", mark))  # the number is another process's by now
        process.send_signal(signal.SIGKILL)
        state = Path(f"/proc/{process.pid}/stat")
        wait_until(lambda: state.read_text().rpartition(")")[2].split()[0] == "Z", "it is a zombie")
        assert left(mark)


def test_a_run_s_own_mark_is_none_of_a_killed_one_and_time_ends_all() -> None:
    assert not left(mark_of(time.time() + 60))
    assert left(mark_of(time.time() - 60))
    assert not left("of an older version")


def test_a_revision_that_is_deregistered_already_is_only_deleted() -> None:
    with Sandbox.start() as sandbox:
        aws = Aws(environ=sandbox.environment())
        definition = TRIGGER | {"family": family_of("direct")}
        revision = register(aws, definition, {DETECT_TAG: mark_of(time.time() - 60)})
        aws.call("ecs", "deregister_task_definition", taskDefinition=revision)
        action = "DeregisterTaskDefinition"
        sandbox.faults.add(Fault(FaultKind.API_ERROR, aws_service="ecs", action=action, code="ClientException"))
        context = context_of(aws)
        assert remove_leftovers(context, None, now=time.time()) == [revision]
        assert remove_leftovers(context, None, now=time.time()) == []


STUCK = {"Resources": {"Group": {"Type": "AWS::Logs::LogGroup"}}}


def test_a_stuck_stack_keeps_no_left_task_running(tmp_path: Path) -> None:
    (tmp_path / "fguard.yaml").write_text(CONFIG)
    tags = {"fguard:deployment": "training", "fguard:managed-by": "fargate-guard"}
    with Sandbox.start(speed=20) as sandbox:
        aws = Aws(environ=sandbox.environment())
        aws.call("ecs", "create_cluster", clusterName="fguard-training")
        revision = register(aws, TRIGGER, tags | {DETECT_TAG: mark_of(time.time() - 60)})
        (subnet, *_) = aws.pages("ec2", "describe_subnets", "Subnets")
        network = {"subnets": [subnet["SubnetId"]]}
        started = tags | {DETECT_TAG: mark_of(time.time() - 60)}
        task = run_task(aws, "fguard-training", revision, network, started, "fguard-detect")
        sandbox.faults.add(Fault(FaultKind.RESOURCE_FAILURE, stack="fguard-training", action="create"))
        stack = {"StackName": "fguard-training", "TemplateBody": json.dumps(STUCK)}
        aws.call("cloudformation", "create_stack", **stack, Tags=[{"Key": k, "Value": v} for k, v in tags.items()])

        def status() -> str:
            found = aws.call("cloudformation", "describe_stacks", StackName="fguard-training")
            return str(found["Stacks"][0]["StackStatus"])

        wait_until(lambda: status() == "ROLLBACK_COMPLETE", "the stack is stuck")
        ran = Fguard(tmp_path, sandbox.environment())("detect")
        assert ran.exit_code == 4, ran.stderr
        assert "ROLLBACK_COMPLETE" in ran.stderr
        assert f"took away what an earlier run had left: {task}, {revision}" in ran.stderr
        assert aws.call("ecs", "list_tasks", cluster="fguard-training")["taskArns"] == []
