"""How the page and the terminal write the figures of an inspection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bydemo.report.svg import figure

LEVELS = ("problem", "warning", "note")
"""How serious a finding is, the worst first."""


def percent(share: float) -> str:
    """A share in percent, with a decimal where it is small."""
    shown = 100 * share
    return f"{shown:.0f} %" if shown >= 10 or shown == 0 else f"{shown:.2g} %"


def amount(count: int) -> str:
    """A count with its thousands grouped."""
    return f"{count:,}"


def counted(count: int, noun: str) -> str:
    """`1 problem`, `3 problems`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, whichever reads best."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def component(value: Mapping[str, Any]) -> str:
    """A component's name with its field and unit, e.g. `action joint_0_vel [rad/s]`."""
    field = value["array"].removeprefix("observation.").removeprefix("annotation.")
    unit = f" [{value['unit']}]" if value["unit"] else ""
    own = value["component"]
    return f"{own if own.startswith(field) else f'{field} {own}'}{unit}"


def spread(value: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Mean, standard deviation, lowest and highest of a component."""
    return (
        figure(value["mean"]),
        figure(value["std"]),
        figure(value["low"]),
        figure(value["high"]),
    )


def remarks(value: Mapping[str, Any]) -> str:
    """What is suspicious of a component, with the shares that say so."""
    said = list(value["flags"])
    if "saturated" in said:
        said[said.index("saturated")] = (
            f"saturated: {percent(value['at_low'])} lowest, {percent(value['at_high'])} highest"
        )
    if not value["used"]:
        said.append("unused")
    return "; ".join(said)
