"""Conclusions in words, never stronger than the interval that they state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NOTHING = 1e-12
"""Differences below are what is left of sums that cancel."""


def conclusion(ours: str, control: str, figure: str, effect: Mapping[str, Any]) -> str:
    """A sentence on what the deciding figure says of an arm beside its control."""
    found, verdict = effect["figures"][figure], effect["verdict"]
    if "problem" in found:
        return f"{ours} against {control}: nothing to compare, {found['problem']}."
    gap, low, high = (found[name] for name in ("value", "low", "high"))
    gap = 0.0 if abs(gap) < _NOTHING else gap
    if verdict in ("better", "worse"):
        return (
            f"{ours} is {verdict} than {control}: {figure} {gap:+.4g} ({low:+.4g} to {high:+.4g}), "
            f"{basis(found)}."
        )
    if found["over"] == "":
        return f"{ours} against {control}: {verdict} (difference {gap:+.4g})."
    return (
        f"{ours} against {control}: {verdict}; the difference of {gap:+.4g} lies between "
        f"{low:+.4g} and {high:+.4g}."
    )


def basis(found: Mapping[str, Any]) -> str:
    """`n = 3 seeds x 100 episodes`."""
    parts = [f"{found['n']} seed{'s' * (found['n'] != 1)}"] if found["n"] else []
    parts += [f"{found['episodes']} episodes"] if found["episodes"] is not None else []
    return f"n = {' x '.join(parts)}"
