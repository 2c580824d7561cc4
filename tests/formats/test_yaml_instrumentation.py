"""Task definitions in YAML, instrumented and restored."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import pytest

from fargate_guard.formats import read_source
from fargate_guard.taskdef import instrument, uninstrument
from tests.formats.yaml_samples import PASCAL_CASE, TASK_DEFINITION

if TYPE_CHECKING:
    from fargate_guard.taskdef import Settings


def instrumented(text: str, settings: Settings) -> str:
    source = read_source(text)
    return source.write(instrument(source.value, settings).definition)


def restored(text: str) -> str:
    source = read_source(text)
    return source.write(uninstrument(source.value))


VARIANTS = {
    "as it is": TASK_DEFINITION,
    "PascalCase": PASCAL_CASE,
    "CRLF": TASK_DEFINITION.replace("\n", "\r\n"),
    "byte order mark": "\ufeff" + TASK_DEFINITION,
    "no final line end": TASK_DEFINITION.removesuffix("\n"),
    "document markers": f"---\n{TASK_DEFINITION}...\n",
    "array": PASCAL_CASE.partition("ContainerDefinitions:\n")[2],
    "describe output": "taskDefinition:\n  " + PASCAL_CASE.replace("\n", "\n  ").rstrip() + "\ntags: []\n",
}


@pytest.mark.parametrize("text", VARIANTS.values(), ids=VARIANTS)
def test_undoing_gives_back_the_file_byte_for_byte(text: str, orchestrator: Settings) -> None:
    changed = instrumented(text, orchestrator)
    assert "/opt/draios/bin/instrument" in changed
    assert instrumented(changed, orchestrator) == changed
    assert restored(changed) == text


@pytest.mark.parametrize("text", VARIANTS.values(), ids=VARIANTS)
def test_every_line_of_the_file_but_those_that_change_is_still_there(text: str, orchestrator: Settings) -> None:
    differences = difflib.ndiff(text.splitlines(), instrumented(text, orchestrator).splitlines())
    removed = [line[2:].strip() for line in differences if line.startswith("- ")]
    # A list in brackets gets its first item in its own line, an empty one loses its brackets.
    assert set(removed) <= {
        'entryPoint: ["/docker-entrypoint.sh"]', "EntryPoint: [/worker]", "environment: []   # none yet"
    }  # fmt: skip


def test_what_is_added_looks_like_its_surroundings(orchestrator: Settings) -> None:
    lines = instrumented(TASK_DEFINITION, orchestrator).splitlines()
    assert '    entryPoint: ["/opt/draios/bin/instrument", "/docker-entrypoint.sh"]' in lines
    start = lines.index("    - /opt/draios/bin/instrument")
    assert lines[start - 1 : start + 2] == [
        "    entryPoint:",
        "    - /opt/draios/bin/instrument",
        "    - /usr/bin/tini",
    ]
    none_yet = lines.index("    environment:   # none yet")
    assert lines[none_yet + 1 : none_yet + 3] == ["      - name: SYSDIG_SIDECAR", "        value: auto"]
    assert lines[lines.index("    # healthCheck: to do") - 1] == "          - SYS_PTRACE"
    assert lines[lines.index("# ---- tags ----") - 2].startswith("      com.fargate-guard.original: '{")


def test_other_edits_in_the_instrumented_file_survive_its_restoration(orchestrator: Settings) -> None:
    def edit(text: str) -> str:
        text = text.replace("family: shop", "family: shop   # renamed soon")
        return text.replace("      - daemon off;", "      - daemon off;\n      # quiet\n      - -q")

    changed = edit(instrumented(TASK_DEFINITION, orchestrator))
    assert restored(changed) == edit(TASK_DEFINITION)


def test_a_container_that_repeats_another_is_instrumented_too(orchestrator: Settings) -> None:
    text = (
        "requiresCompatibilities: [FARGATE]\nnetworkMode: awsvpc\ncontainerDefinitions:\n"
        "- &web\n  name: web\n  image: nginx:1.27\n  entryPoint: [/x]   # both\n"
        "- <<: *web   # like web\n  name: admin\n"
    )
    changed = instrumented(text, orchestrator)
    assert "- <<: *web   # like web\n  name: admin\n- name: SysdigInstrumentation\n" in changed
    assert restored(changed) == text
