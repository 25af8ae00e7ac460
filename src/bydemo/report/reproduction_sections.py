"""What it takes to get the same again: commands, versions, seeds and the resolved configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from bydemo.report.page import Section, code_block, folded, heading, key_values, table
from bydemo.report.reading import Run, nested
from bydemo.report.svg import DASH, sentence


def reproduction_section(runs: Sequence[Run]) -> Section:
    """Commands first, then what differs between the runs, versions and whole configurations."""
    parts: list[Markup] = []
    for run in runs:
        named = f"{run.name}, " if len(runs) > 1 else ""
        parts += [
            Markup("") if not command else heading(sentence(f"{named}{what}")) + code_block(command)
            for what, command in _commands(run)
        ]
    if len(runs) > 1:
        parts.append(heading("What differs in the configuration") + _differences(runs))
    parts.append(_versions(runs))
    for run in runs:
        named = f" of {run.name}" if len(runs) > 1 else ""
        if not run.config:
            continue
        plain = json.dumps(dict(run.config), indent=2, ensure_ascii=False)
        parts.append(folded(f"Resolved configuration{named}", code_block(plain)))
    return Section(title="Reproduce it", body=Markup("").join(parts))


def _commands(run: Run) -> list[tuple[str, str]]:
    trained, judged = run.config.get("command"), run.block("evaluation").get("command")
    return [("trained by", _command(trained)), ("judged by", _command(judged))]


def _command(value: object) -> str:
    if isinstance(value, list):
        return " ".join(str(word) for word in value)
    return str(value or "")


def _versions(runs: Sequence[Run]) -> Markup:
    blocks = [nested(r.results, "versions") or nested(r.config, "versions") for r in runs]
    found = [{str(name): str(value) for name, value in block.items()} for block in blocks]
    names = {name: None for known in found for name in known}
    if not names:
        return Markup("")
    if len(runs) == 1:
        return heading("Versions") + key_values(list(found[0].items()))
    rows = [[name, *(known.get(name, DASH) for known in found)] for name in names]
    return heading("Versions") + table(["", *(run.name for run in runs)], rows)


def _differences(runs: Sequence[Run]) -> Markup:
    known = [flat(nested(run.config, "experiment")) for run in runs]
    names = {name: None for found in known for name in found}
    rows = []
    for name in names:
        values = [found.get(name, DASH) for found in known]
        if len(set(values)) > 1:
            rows.append([name, *values])
    if not rows:
        return Markup("<p>Nothing.</p>")
    return table(["", *(run.name for run in runs)], rows)


def flat(block: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """Nested settings as dotted name -> value in words."""
    out: dict[str, str] = {}
    for name, value in block.items():
        path = f"{above}{name}"
        if isinstance(value, Mapping):
            out |= flat(value, f"{path}.")
        else:
            out[path] = value if isinstance(value, str) else json.dumps(value)
    return out
