"""What instrumentation looks like for each agent version: data only.

To support a new agent version, add one :class:`Recipe` to :data:`RECIPES` and one case to
``tests/taskdef/test_recipes.py``. The container that runs the agent carries the agent's variables and the key:
up to 4.x that is each workload container itself (``instrument`` starts the agent there), from 5.0 the sidecar.

Where Sysdig's public texts contradict each other, the shape seen running in real tasks was chosen:

* Sidecar ``entryPoint``: the Terraform provider sets ``logwriter``, the CloudFormation patcher ``sidecar``, the
  manual instructions for 5.x and real 6.x tasks none. From 5.0 the image's own entrypoint starts the agent, so
  none is written; in 4.x the sidecar only forwards logs, for which ``logwriter`` was introduced (2.2.0).
* Variables of workload containers from 5.0: the provider copies all of them there, the key included. Real tasks
  and the manual instructions give the workload ``SYSDIG_SIDECAR`` only, which keeps the key out of the workload.
* ``SYSDIG_SIDECAR`` and ``SYSDIG_PRIORITY`` came with 5.0.0; a 4.x agent does not know them.

Sources: https://docs.sysdig.com/en/docs/installation/sysdig-secure/install-agent-components/ecs-on-fargate/
and the release notes of the serverless agent.
"""

from __future__ import annotations

from typing import NamedTuple

INSTRUMENT = "/opt/draios/bin/instrument"
"""The wrapper that the sidecar's volume brings into every workload container; it must be the first of the argv."""

SIDECAR_NAME = "SysdigInstrumentation"
"""Name of the sidecar container, as Sysdig's own tools call it."""

CAPABILITY = "SYS_PTRACE"
"""What the wrapper needs to see system calls; the only capability that Fargate lets a task add."""

LOG_FORWARD_PORT = 32000
"""TCP port on which the sidecar takes the log lines of the wrappers (``SYSDIG_LOG_LISTEN_PORT``)."""

ACCESS_KEY = "SYSDIG_ACCESS_KEY"
"""The agent's access key: only ever an ECS ``secrets`` reference."""

EXTRA_CONF = "SYSDIG_EXTRA_CONF"
"""Agent configuration (YAML) beyond the settings; users also write it on the sidecar themselves."""

CONNECTION_VARIABLES = (
    "SYSDIG_ORCHESTRATOR",
    "SYSDIG_ORCHESTRATOR_PORT",
    "SYSDIG_COLLECTOR",
    "SYSDIG_COLLECTOR_PORT",
    ACCESS_KEY,
)
"""Where the agent connects to, and with what."""

RECIPE_VARIABLES = (*CONNECTION_VARIABLES, "SYSDIG_SIDECAR", "SYSDIG_PRIORITY", "SYSDIG_LOGGING")
"""Everything that a recipe may set, and nobody else on fguard's sidecar."""

AGENT_VARIABLES = (
    *RECIPE_VARIABLES,
    EXTRA_CONF,
    "SYSDIG_AGENT_NICE_VALUE_INCREMENT",
    "SYSDIG_ENABLE_LOG_FORWARD",
    "SYSDIG_LOG_FORWARD_FORMAT",
    "SYSDIG_LOG_FORWARD_ADDR",
    "SYSDIG_LOG_LISTEN_PORT",
    "SYSDIG_BUFFER_SIZE",
    "SYSDIG_DEADLINE_SECONDS",
    "__INSTRUMENTATION_WRAPPER",
)
"""Everything that Sysdig's own tools and instructions set; removed when their instrumentation is undone."""


class Recipe(NamedTuple):
    """The instrumentation that agents ``first`` ≤ version < ``before`` need in one topology."""

    first: tuple[int, int]
    before: tuple[int, int]
    topology: str
    """``orchestrator`` or ``direct``."""
    workload_variables: tuple[str, ...]
    """Environment of each instrumented container, in this order; those without a value are left out."""
    sidecar_variables: tuple[str, ...]
    """Environment of the sidecar, likewise."""
    workload_secrets: tuple[str, ...] = ()
    sidecar_secrets: tuple[str, ...] = ()
    sidecar_entry_point: tuple[str, ...] = ()
    """Empty: the image's own."""
    pid_mode: str | None = None
    """The task's ``pidMode``; ``task`` lets the agent in the sidecar see the other containers' processes."""
    architectures: tuple[str, ...] = ("X86_64",)
    """``runtimePlatform.cpuArchitecture`` values that Sysdig documents as supported."""

    @property
    def knows_priority(self) -> bool:
        """Whether the agent has the modes ``availability`` and ``security``."""
        return "SYSDIG_PRIORITY" in self.sidecar_variables


_ORCHESTRATOR = ("SYSDIG_ORCHESTRATOR", "SYSDIG_ORCHESTRATOR_PORT")
_COLLECTOR = ("SYSDIG_COLLECTOR", "SYSDIG_COLLECTOR_PORT")
_LOGWRITER = ("/opt/draios/bin/logwriter",)

RECIPES: tuple[Recipe, ...] = (
    Recipe(
        (4, 0),
        (5, 0),
        "orchestrator",
        workload_variables=(*_ORCHESTRATOR, "SYSDIG_LOGGING", EXTRA_CONF),
        sidecar_variables=(),
        sidecar_entry_point=_LOGWRITER,
    ),
    Recipe(
        (4, 0),
        (5, 0),
        "direct",
        workload_variables=(*_COLLECTOR, "SYSDIG_LOGGING", EXTRA_CONF),
        workload_secrets=(ACCESS_KEY,),
        sidecar_variables=(),
        sidecar_entry_point=_LOGWRITER,
    ),
    Recipe(
        (5, 0),
        (6, 0),
        "orchestrator",
        workload_variables=("SYSDIG_SIDECAR", "SYSDIG_LOGGING"),
        sidecar_variables=(*_ORCHESTRATOR, "SYSDIG_SIDECAR", "SYSDIG_PRIORITY", "SYSDIG_LOGGING", EXTRA_CONF),
        pid_mode="task",
    ),
    Recipe(
        (5, 0),
        (6, 0),
        "direct",
        workload_variables=("SYSDIG_SIDECAR", "SYSDIG_LOGGING"),
        sidecar_variables=(*_COLLECTOR, "SYSDIG_SIDECAR", "SYSDIG_PRIORITY", "SYSDIG_LOGGING", EXTRA_CONF),
        sidecar_secrets=(ACCESS_KEY,),
        pid_mode="task",
    ),
    Recipe(
        (6, 0),
        (7, 0),
        "direct",
        workload_variables=("SYSDIG_SIDECAR", "SYSDIG_LOGGING"),
        sidecar_variables=(*_COLLECTOR, "SYSDIG_SIDECAR", "SYSDIG_PRIORITY", "SYSDIG_LOGGING", EXTRA_CONF),
        sidecar_secrets=(ACCESS_KEY,),
        pid_mode="task",
    ),
)


DEFAULT_VERSIONS = {"orchestrator": "5.0.1", "direct": "6.2.1"}
"""The agent version for each topology when none is asked for."""


def recipe_for(version: tuple[int, int], topology: str) -> Recipe | None:
    """The recipe for an agent's major and minor version, or None when there is none."""
    return next((r for r in RECIPES if r.topology == topology and r.first <= version < r.before), None)


def known_versions(topology: str | None = None) -> str:
    """The agent versions that have a recipe, for messages: ``4.x, 5.x``."""
    majors = {recipe.first[0] for recipe in RECIPES if topology in (None, recipe.topology)}
    return ", ".join(f"{major}.x" for major in sorted(majors))
