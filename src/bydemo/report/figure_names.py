"""What the figures of a study are called, and how their values and differences are written."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from bydemo.report.latent_words import JUDGED
from bydemo.report.measures import measure
from bydemo.report.svg import (
    DASH,
    MINUS,
    PERCENT,
    Number,
    is_number,
    percent,
    rounded,
    sentence,
    spoken,
)

_ROLLOUTS = {"rate": "success rate", "steps": "episode length"}
_PROBES = {"linear": "linear probe", "nearest": "nearest-neighbour probe"}
_LATENT = {
    "active": "active units",
    "effective": "effective dimension",
    "kl": "KL of the latent [nats]",
}
_TRAINING = {
    "loss": "validation loss",
    "training_loss": "training loss",
    "epochs": "epochs trained",
    "steps": "optimiser steps",
}


@dataclass(frozen=True, kw_only=True)
class FigureName:
    """One figure: its path in the results, its name in words, and whether it is a share."""

    path: str
    title: str
    percent: bool = False

    @property
    def heading(self) -> str:
        """The title at the head of a chart or a column."""
        return sentence(self.title)

    def write(self, value: Number, half: Number = None) -> str:
        """A value, with the decimals that its uncertainty `half` allows."""
        if not is_number(value):
            return DASH
        if self.percent:
            return percent(value, 1)
        return rounded(value, half)

    def write_range(self, found: Mapping[str, Any]) -> str:
        """The interval of a figure as text, or nothing where it has none."""
        low, high = found.get("low"), found.get("high")
        if not (is_number(low) and is_number(high)):
            return ""
        half = (high - low) / 2
        return f"[{self.write(low, half).removesuffix(PERCENT)}, {self.write(high, half)}]"

    def write_value(self, found: Mapping[str, Any]) -> str:
        """The value of a figure as text."""
        return self.write(found.get("value"), half_of(found))

    def write_gap(self, found: Mapping[str, Any]) -> str:
        """A difference with its sign; of shares, in points."""
        return self.signed(found.get("value"), half_of(found))

    def write_gap_range(self, found: Mapping[str, Any]) -> str:
        """The interval of a difference as text, or nothing."""
        low, high = found.get("low"), found.get("high")
        if not (is_number(low) and is_number(high)):
            return ""
        half = (high - low) / 2
        return f"[{self.signed(low, half)}, {self.signed(high, half)}]"

    def signed(self, value: Number, half: Number = None) -> str:
        """A number with its sign; a share as percentage points."""
        if not is_number(value):
            return DASH
        if self.percent:
            return f"{100 * value:+.1f}".replace("-", MINUS)
        said = rounded(value, half)
        return f"+{said}" if value > 0 else said


def half_of(found: Mapping[str, Any]) -> float | None:
    """Half the length of an interval, where there is one."""
    low, high = found.get("low"), found.get("high")
    return (high - low) / 2 if is_number(low) and is_number(high) else None


def figure_name(path: str, known: Collection[str] = ()) -> FigureName:
    """The words for a path such as `rollouts.pusher.score`.

    `known` are all paths of the study: a task, split or rival is named only where there are several
    to tell apart.
    """
    block, _, rest = path.partition(".")
    if block == "rollouts":
        label, _, kind = rest.rpartition(".")
        title = _ROLLOUTS.get(kind, spoken(kind))
        among = {p.split(".")[1] for p in known if p.startswith("rollouts.") and p.count(".") > 1}
        where = "all tasks" if label == "all" else spoken(label)
        title = f"{title}, {where}" if len(among | {label}) > 1 and label else title
        return FigureName(path=path, title=title, percent=kind == "rate")
    if block == "offline":
        return _offline(path, rest, known)
    if block == "probe" and rest.count(".") >= 3:
        return _probe(path, rest)
    if block == "latent":
        return _latent(path, rest)
    if block == "training":
        return FigureName(path=path, title=_TRAINING.get(rest, f"training {spoken(rest)}"))
    return FigureName(path=path, title=spoken(path.replace(".", " ")))


def _offline(path: str, rest: str, known: Collection[str]) -> FigureName:
    split, _, rest = rest.partition(".")
    candidate, _, key = rest.partition(".")
    part = key.partition(".")[0]
    vector = f"offline.{split}.{candidate}.{part}.rmse" in known
    kind = measure(key, vector=vector)
    own = kind.title if candidate == "policy" else f"{kind.title}, {candidate}"
    return FigureName(path=path, title=f"{own} ({split} split)", percent=kind.percent)


def _probe(path: str, rest: str) -> FigureName:
    """What is read off a representation; of one beside the judged one, whose name is said."""
    representation, _, rest = rest.partition(".")
    rest, _, kind = rest.rpartition(".")
    target, _, probe = rest.rpartition(".")
    title = f"{spoken(target)}, {_PROBES.get(probe, spoken(probe))}, {measure(f'.{kind}').title}"
    if representation != JUDGED:
        title = f"{title}, of {spoken(representation)}"
    return FigureName(path=path, title=title, percent=kind == "accuracy")


def _latent(path: str, rest: str) -> FigureName:
    kind, _, what = rest.partition(".")
    if kind == "kept" and what:
        return FigureName(path=path, title=f"variance kept, {spoken(what)}", percent=True)
    if kind == "purity" and what:
        title = f"neighbours with the same {spoken(what)}"
        return FigureName(path=path, title=title, percent=True)
    return FigureName(path=path, title=_LATENT.get(rest, f"latent {spoken(rest)}"))
