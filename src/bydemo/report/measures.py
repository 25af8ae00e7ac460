"""What each offline figure is called, which way is better, and what two intervals allow to say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bydemo.report.reading import Figure, figure_in
from bydemo.report.svg import PERCENT, sentence
from bydemo.report.svg import figure as written
from bydemo.report.svg import percent as share_text

Verdict = Literal["better", "worse", "unclear"]

_KNOWN: dict[str, tuple[str, bool | None, bool, str]] = {
    # suffix: (title, higher is better, a share, what it means)
    "rmse": ("RMSE", False, False, "root mean square error"),
    "mse": ("MSE", False, False, "mean square error"),
    "mae": ("mean absolute error", False, False, ""),
    "range_relative": ("range-relative error", False, True, "RMSE over the range of the targets"),
    "r2": ("R²", True, False, "1 is perfect, 0 is as good as the mean"),
    "direction": ("direction", True, True, "which move, where truth and prediction both move"),
    "forced_direction": ("forced direction", True, True, "the likelier move wherever truth moves"),
    "accuracy": ("accuracy", True, True, ""),
    "cross_entropy": ("cross entropy", False, False, "in nats"),
    "macro_f1": ("macro F1", True, False, "mean over the classes, rare ones count as much"),
    "weighted_f1": ("weighted F1", True, False, ""),
    "move_or_stay": ("move or stay", True, True, "right about whether there is a move at all"),
    "move_f1": ("move, F1", True, False, ""),
    "event_f1": ("events found, F1", True, False, "events found within a few steps of their time"),
    "event_exact": ("events exact", True, True, "foretold at their very first step"),
}

_COSINE = ("direction cosine", True, False, "1 is the same way, 0 a right angle")
"""What `direction` means for a vector rather than a label."""

HEADLINE = ("rmse", "r2", "macro_f1", "direction", "event_f1")
"""The figures that the verdict and the first charts are made of, where they exist."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One offline figure's name in words and its good direction (None: it has none).

    `in_headline`: the verdict and the charts speak of it, not only the tables.
    """

    key: str
    title: str
    higher_is_better: bool | None
    percent: bool = False
    meaning: str = ""
    in_headline: bool = False

    @property
    def heading(self) -> str:
        """The title at the head of a chart or a row."""
        return sentence(self.title)

    def write(self, value: float | None) -> str:
        """A value for reading, in percent where it is a share."""
        if self.percent and value is not None:
            return share_text(value, 1)
        return written(value)

    def write_range(self, found: Figure) -> str:
        """The interval for reading, or nothing where there is none."""
        if found.interval is None:
            return ""
        low, high = found.interval
        return f"[{self.write(low).removesuffix(PERCENT)}, {self.write(high)}]"


def measure(key: str, *, vector: bool = False) -> Measure:
    """The measure behind a key such as `gripper.macro_f1` or `gripper.recall.open`.

    `vector` says that the part is a vector, whose `direction` is a cosine.
    """
    part, _, kind = key.partition(".")
    part = part.replace("_", " ")
    for family in ("recall", "precision", "f1"):
        if kind.startswith(f"{family}."):
            label = kind.removeprefix(f"{family}.")
            shown = "F1" if family == "f1" else family
            return Measure(
                key=key,
                title=f"{part} {shown}, {label}",
                higher_is_better=True,
                percent=family != "f1",
            )
    unknown = (kind.replace("_", " ").replace(".", " "), None, False, "")
    cosine = vector and kind == "direction"
    title, higher, share, meaning = _COSINE if cosine else _KNOWN.get(kind, unknown)
    return Measure(
        key=key,
        title=f"{part} {title}".strip(),
        higher_is_better=higher,
        percent=share,
        meaning=meaning,
        in_headline=kind in HEADLINE and not cosine,
    )


def measures_in(blocks: Iterable[Mapping[str, Any]]) -> list[Measure]:
    """The measures that any of the candidates' blocks holds, in their order of appearance."""
    keys: dict[str, None] = {}
    for block in blocks:
        keys |= {key: None for key in block if figure_in(block, key) is not None}
    vectors = {key.partition(".")[0] for key in keys if key.endswith((".rmse", ".mse"))}
    return [measure(key, vector=key.partition(".")[0] in vectors) for key in keys]


def compare(ours: Figure, theirs: Figure, kind: Measure) -> Verdict:
    """'better' or 'worse' only if the two 95 % intervals do not touch, otherwise 'unclear'."""
    if kind.higher_is_better is None or ours.interval is None or theirs.interval is None:
        return "unclear"
    if ours.interval[0] > theirs.interval[1]:
        return "better" if kind.higher_is_better else "worse"
    if ours.interval[1] < theirs.interval[0]:
        return "worse" if kind.higher_is_better else "better"
    return "unclear"


def best_of(found: dict[str, Figure], kind: Measure) -> str | None:
    """The name with the best value, or None if there is nothing to compare."""
    if kind.higher_is_better is None or not found:
        return None
    sign = 1.0 if kind.higher_is_better else -1.0
    return max(found, key=lambda name: sign * found[name].value)
