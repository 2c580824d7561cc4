"""What ``fguard detect`` runs: harmless, documented, and meant for one Falco rule each."""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass, field

SECONDS_BETWEEN = 5
"""Between two tries: an agent may get its policies only after the workload has started."""
AFTER_THE_END = 30
"""Seconds that the task runs longer than anybody waits; then it ends by itself, whatever became of fguard."""
ALPINE = "public.ecr.aws/docker/library/alpine:3.20.3"
CONTAINER = "trigger"
STOPWATCH = "stopwatch"
WRITTEN = "fguard-detect:"
"""How the trigger's own log lines begin; each is written before the trigger acts, so that no event is older."""
ENDED = "fguard-detect ended with"
"""How its last line through ECS Exec begins, which goes on with an exit code."""
MARK = "fguard-detect-"
"""How a file's name begins that no workload uses, for telling the trigger's event in a container of others."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """One way to be noticed."""

    name: str
    does: str
    """In words."""
    rules: tuple[str, ...]
    """Rules of Falco's default set (https://github.com/falcosecurity/rules) that notice it."""
    image: str
    script: str = ""
    """What a shell does again and again; empty where the image's own program does it for ever.

    Every turn must open its file anew: BusyBox's ``touch`` only does where there is none yet."""
    once: str = ""
    """What a shell does once in a container that is somebody else's, leaving nothing there; ``$mark`` is part of
    what the rule tells. Empty where the image's own program does it."""
    entry_point: tuple[str, ...] = field(default=())
    command: tuple[str, ...] = field(default=())

    @property
    def is_endless(self) -> bool:
        """Whether another container has to end the task."""
        return not self.script

    def typed(self, mark: str) -> str:
        """Return the command for ECS Exec, which says before it acts that it does, and at last how it ended.

        Its agent splits it as a shell would, and starts it without one: StartCommandExecutor in
        https://github.com/aws/amazon-ssm-agent/blob/mainline/agent/session/shell/shell_unix.go
        """
        script = f'mark={mark}; {self.once}; echo "{ENDED} $ended"'
        return f"/bin/sh -c {shlex.quote(script)}"

    def containers(self, image: str | None, seconds: float) -> list[dict[str, object]]:
        """Return container definitions that end by themselves.

        :param image: instead of the trigger's own.
        :param seconds: how long somebody waits for the event.
        """
        lasts = seconds + AFTER_THE_END
        if not self.is_endless:
            return [
                {
                    "name": CONTAINER,
                    "image": image or self.image,
                    "essential": True,
                    "entryPoint": ["/bin/sh", "-c"],
                    "command": [_again(self.script, math.ceil(lasts / SECONDS_BETWEEN))],
                }
            ]
        return [
            {
                "name": CONTAINER,
                "image": image or self.image,
                "essential": True,
                "entryPoint": list(self.entry_point),
                "command": list(self.command),
            },
            {
                "name": STOPWATCH,
                "image": ALPINE,
                "essential": True,
                "entryPoint": ["/bin/sleep"],
                "command": [str(math.ceil(lasts))],
            },
        ]


def _again(what: str, times: int) -> str:
    return f"n=0; while [ $n -lt {times} ]; do n=$((n+1)); {what}; sleep {SECONDS_BETWEEN}; done"


TRIGGERS = {
    trigger.name: trigger
    for trigger in (
        Trigger(
            "write-below-binary-dir",
            "writes the empty file /bin/fguard-detect in its own container, every five seconds",
            ("Write below binary dir",),
            ALPINE,
            script=f'echo "{WRITTEN} writes /bin/fguard-detect ($n)" && : > /bin/fguard-detect',
            once=f'echo "{WRITTEN} writes /bin/$mark"; true > /bin/$mark; ended=$?; rm -f /bin/$mark',
        ),
        Trigger(
            "read-sensitive-file",
            "opens /etc/shadow of its own container and reads it to nowhere, every five seconds",
            ("Read sensitive file untrusted",),
            ALPINE,
            script=f'echo "{WRITTEN} reads /etc/shadow ($n)" && cat /etc/shadow > /dev/null',
            once=(
                f'echo "{WRITTEN} reads /etc/shadow"; cat /etc/shadow /nonexistent/$mark > /dev/null 2>&1;'
                " test -r /etc/shadow; ended=$?"
            ),
        ),
        Trigger(
            "event-generator",
            "Falco's public event generator, of its actions those two, each after five seconds, in a loop",
            ("Read sensitive file untrusted", "Write below binary dir"),
            "docker.io/falcosecurity/event-generator:0.11.0",
            entry_point=("/bin/event-generator",),
            command=(
                "run",
                r"^syscall\.(ReadSensitiveFileUntrusted|WriteBelowBinaryDir)$",
                "--all",  # by itself it leaves out what Falco's stable rules have no rule for, as the second
                "--loop",
                f"--sleep={SECONDS_BETWEEN}s",  # by itself ten a second
            ),
        ),
    )
}
"""By name, as ``--trigger`` takes it. The event generator: https://github.com/falcosecurity/event-generator (its
options: cmd/run.go; what it leaves out: events/syscall/write_below_binary_dir.go)."""
