"""How the installed macro instruments, and what a template's own parameters change of it."""

from __future__ import annotations

import json
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import TYPE_CHECKING

from fargate_guard.taskdef import ImageConfig, Images, Settings
from fargate_guard.taskdef.errors import SettingsError
from fargate_guard.taskdef.recipes import DEFAULT_VERSIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fargate_guard.taskdef import Json

LOG_STREAM_PREFIX = "sysdig"
_OWN = ("agent_log_group", "image_lookup", "answers", "strict")
_DEFAULTS = {one.name: one.default for one in fields(Settings) if one.default is not MISSING}


@dataclass(frozen=True, slots=True)
class MacroSettings:
    """What is installed with the function; nothing of it is secret."""

    agent: Mapping[str, Json] = field(default_factory=dict)
    """Fields of :class:`~fargate_guard.taskdef.Settings` that are not at their defaults.
    Empty: every template gives its own."""
    ignore_where_present: tuple[str, ...] = ()
    """Containers to leave out of every template that has one: names and patterns."""
    image_lookup: bool = False
    """Ask registries what images run by themselves."""
    strict: bool = False
    """Fail on warnings, and where nothing is instrumented."""

    @classmethod
    def of(
        cls,
        settings: Settings | None,
        ignore_where_present: tuple[str, ...] = (),
        *,
        image_lookup: bool = False,
        strict: bool = False,
    ) -> MacroSettings:
        """Take the settings of a command.

        :param settings: None: every template gives its own.
        """
        given = {
            one.name: value
            for one in (fields(settings) if settings else ())
            if (value := getattr(settings, one.name)) != _DEFAULTS.get(one.name) and value not in (None, {}, ())
        }
        ignored = tuple(given.pop("ignore_containers", ()))
        return cls(given, (*ignore_where_present, *ignored), image_lookup, strict)

    @classmethod
    def read(cls, text: str) -> MacroSettings:
        """Read what :meth:`text` wrote.

        :raises ValueError: it is something else.
        """
        document = json.loads(text)
        agent = document["agent"]
        for name in ("ignore_labels",):
            if name in agent:
                agent[name] = tuple(agent[name])
        return cls(
            agent,
            tuple(document["ignore_where_present"]),
            bool(document["image_lookup"]),
            bool(document["strict"]),
        )

    def document(self) -> dict[str, Json]:
        """As JSON."""
        return {
            "agent": {name: list(one) if isinstance(one, tuple) else one for name, one in self.agent.items()},
            "ignore_where_present": list(self.ignore_where_present),
            "image_lookup": self.image_lookup,
            "strict": self.strict,
        }

    def text(self) -> str:
        """As JSON text, the same for the same settings."""
        return json.dumps(self.document(), indent=2, sort_keys=True, ensure_ascii=True) + "\n"


@dataclass(frozen=True, slots=True)
class TemplateSettings:
    """How one template is instrumented."""

    settings: Settings
    """Without the installed containers to leave out."""
    ignore_where_present: tuple[str, ...]
    images: Images
    """What the template itself says of images."""
    image_lookup: bool
    strict: bool

    def ignoring(self, present: tuple[str, ...]) -> Settings:
        """The settings with those of the installed containers to leave out that a template has."""
        if not present:
            return self.settings
        return replace(self.settings, ignore_containers=(*self.settings.ignore_containers, *present))


def settings_for(installed: MacroSettings, given: Mapping[str, Json], region: str) -> TemplateSettings:
    """Return how to instrument a template that gives these parameters.

    :param given: by field, as :func:`~fargate_guard.macro.parameters.read_parameters` returns them.
    :param region: of the stack, and so of its log groups.
    :raises SettingsError: something is missing, or does not go together.
    """
    own = {name: given[name] for name in _OWN if name in given}
    asked = {name: value for name, value in given.items() if name not in _OWN}
    agent = {**installed.agent, **asked}
    if "agent_log_group" in own:
        if "log_configuration" in asked:
            raise SettingsError("the transform has both AgentLogGroup and SidecarLogConfiguration", fix="give one")
        agent["log_configuration"] = _awslogs(own["agent_log_group"], region)
    direct = "collector_host" in agent and "orchestrator_host" not in agent
    topology = agent.setdefault("topology", "direct" if direct else "orchestrator")
    if "agent_version" not in asked and topology != installed.agent.get("topology", topology):
        agent.pop("agent_version", None)
    agent.setdefault("agent_version", DEFAULT_VERSIONS.get(topology, ""))
    answers = {
        container: ImageConfig(entry_point, command, "the transform's parameter Images")
        for container, (entry_point, command) in own.get("answers", {}).items()
    }
    return TemplateSettings(
        Settings(**agent),
        installed.ignore_where_present,
        Images(by_container=answers),
        own.get("image_lookup", installed.image_lookup),
        own.get("strict", installed.strict),
    )


def _awslogs(group: str, region: str) -> dict[str, Json]:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html"""
    options = {"awslogs-group": group, "awslogs-region": region, "awslogs-stream-prefix": LOG_STREAM_PREFIX}
    return {"logDriver": "awslogs", "options": options}
