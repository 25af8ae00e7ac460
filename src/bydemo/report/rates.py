"""Success rates in words and bars: never without their n and their 95 % Wilson interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bydemo.report.charts import Bar
from bydemo.report.svg import MINUS, PERCENT, is_number, percent


def rate_text(block: Mapping[str, Any]) -> str:
    """E.g. `93 of 100 rollouts (93 %, 95 % interval 86 to 97 %)`, or that nothing is known."""
    n, successes = block.get("n"), block.get("successes")
    if not isinstance(n, int) or not isinstance(successes, int) or n == 0:
        return "not judged"
    found = bounds(block)
    if found is None:
        return f"{successes} of {n} rollouts"
    return f"{successes} of {n} rollouts ({percent(successes / n)}, {interval_text(*found)})"


def interval_text(low: float, high: float) -> str:
    """E.g. `95 % interval 86 to 97 %`."""
    return f"95{PERCENT} interval {100 * low:.0f} to {percent(high)}"


def bounds(block: Mapping[str, Any]) -> tuple[float, float] | None:
    """The 95 % Wilson interval that the results state, if they do."""
    low, high = block.get("low"), block.get("high")
    return (float(low), float(high)) if is_number(low) and is_number(high) else None


def rate_bar(
    name: str, block: Mapping[str, Any], *, colour: int = 0, quiet: bool = False
) -> Bar | None:
    """A bar of a success rate, or None where nothing was rolled out."""
    n, successes = block.get("n"), block.get("successes")
    if not isinstance(n, int) or not isinstance(successes, int) or n == 0:
        return None
    low, high = bounds(block) or (None, None)
    return Bar(
        name=f"{name}, {successes} of {n}", value=successes / n, low=low, high=high,
        colour=colour, quiet=quiet,
    )  # fmt: skip


def outcomes(block: Mapping[str, Any]) -> dict[int, bool]:
    """Seed -> success of every rollout of a task that knows its goal."""
    episodes = block.get("episodes") or []
    return {int(e["seed"]): bool(e["success"]) for e in episodes
            if "seed" in e and e.get("success") is not None}  # fmt: skip


def difference_text(first: str, other: str, label: str, found: Mapping[str, Any]) -> str:
    """A paired difference of success rates in words; its verdict decides what is claimed."""
    value, low, high = found.get("value"), found.get("low"), found.get("high")
    if not (is_number(value) and is_number(low) and is_number(high)):
        return str(found.get("problem") or f"{label} cannot be compared")
    gap = f"{100 * value:+.0f} points, 95{PERCENT} interval {100 * low:+.0f} to {100 * high:+.0f}, "
    gap += f"{found.get('n', '?')} shared seeds"
    said = {"better": f"{first} succeeds more often at {label}",
            "worse": f"{first} succeeds less often at {label}"}  # fmt: skip
    unclear = f"at {label} they cannot be told apart"
    return f"{said.get(str(found.get('verdict')), unclear)} ({gap})".replace("-", MINUS)
