"""The environment that Terraform gets: the caller's, minus surprises and secrets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

DROPPED = {
    "TF_WORKSPACE": "deployments are told apart by their name, not by workspaces",
    "TF_DATA_DIR": "every deployment keeps its own data folder",
    "TF_CLI_ARGS": "it would be added to every command, also to those that reject it",
    "TF_INPUT": "fguard never lets Terraform ask",
}
"""Variables from a shell set up for another project, which would make fguard look at a different state."""

ADDED = {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
"""No hints for interactive users in the output; no call home for updates on every command."""


def child_environment(
    environ: Mapping[str, str], *, withhold: Collection[str] = (), internal: bool = False
) -> tuple[dict[str, str], tuple[str, ...]]:
    """What Terraform's process gets, and what the user should know about it.

    Kept on purpose: ``AWS_*``, ``TF_VAR_*``, ``TF_LOG*`` (logs go to standard error, a file of its own),
    ``TF_PLUGIN_CACHE_DIR``, ``TF_REATTACH_PROVIDERS``, and ``TF_CLI_ARGS_<command>``, to which fguard's own
    arguments are added afterwards and so win.

    :param withhold: names of secrets that Terraform has no business with.
    :param internal: for a command whose output only fguard reads: no ``TF_CLI_ARGS_*``, which could spoil it.
    """
    child = {key: value for key, value in environ.items() if key not in withhold and key not in DROPPED}
    notes = [f"{key} is set and was not passed on: {DROPPED[key]}" for key in DROPPED if environ.get(key)]
    config = child.get("TF_CLI_CONFIG_FILE")
    if config is not None and not Path(config).is_file():
        del child["TF_CLI_CONFIG_FILE"]
        notes.append(f"TF_CLI_CONFIG_FILE names {config or 'nothing'}, which does not exist; it was not passed on")
    for key in sorted(key for key in child if key.startswith("TF_CLI_ARGS_")):
        if internal:
            del child[key]
        else:
            notes.append(f"{key} is set: Terraform adds {child[key]!r} to its arguments")
    return {**child, **ADDED}, tuple(notes)
