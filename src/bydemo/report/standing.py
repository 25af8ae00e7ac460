"""Where a policy stands beside the baselines: the outcome that the figures allow, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bydemo.report.measures import Measure, Verdict, best_of, compare
from bydemo.report.reading import POLICY, Figure, Run, nested
from bydemo.report.svg import is_number


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The policy's figure beside its strongest rival's, and whether it is better than all rivals.

    'better': than every rival; 'worse': than at least one; otherwise 'unclear'.
    """

    ours: Figure
    rival: str
    theirs: Figure
    outcome: Verdict


def main_split(run: Run) -> str | None:
    """The split that a verdict speaks of: test if judged, else the last one held out."""
    if "test" in run.splits:
        return "test"
    held_out = [name for name in run.splits if name != "train"]
    return held_out[-1] if held_out else None


def history_free(run: Run, split: str) -> list[str]:
    """The rivals that do not look at the previous action, so that beating them means something.

    Every rival counts where the results do not say which ones look.
    """
    others = [name for name in run.candidates(split) if name != POLICY]
    named = run.block("offline", split).get("history_free")
    return [name for name in others if name in named] if isinstance(named, list) else others


def standing(run: Run, split: str, kind: Measure) -> Standing | None:
    """The policy against the history-free rivals in one measure; None without both figures."""
    ours = run.figure(split, POLICY, kind.key)
    found = {name: run.figure(split, name, kind.key) for name in history_free(run, split)}
    rivals = {name: figure for name, figure in found.items() if figure is not None}
    strongest = best_of(rivals, kind)
    if ours is None or strongest is None:
        return None
    outcomes = {against(run, split, name, kind, ours, rivals[name]) for name in rivals}
    outcome: Verdict = "unclear"
    if outcomes == {"better"}:
        outcome = "better"
    elif "worse" in outcomes:
        outcome = "worse"
        strongest = best_of(
            {n: f for n, f in rivals.items()
             if against(run, split, n, kind, ours, f) == "worse"}, kind,
        ) or strongest  # fmt: skip
    return Standing(ours=ours, rival=strongest, theirs=rivals[strongest], outcome=outcome)


def against(
    run: Run, split: str, rival: str, kind: Measure, ours: Figure, theirs: Figure
) -> Verdict:
    """By the paired difference on the same episodes where the results hold it, else by whether
    the two intervals keep apart."""
    difference = nested(run.block("offline", split), "differences", rival, kind.key)
    outcome = outcome_of(difference, kind)
    return compare(ours, theirs, kind) if outcome is None else outcome


def outcome_of(difference: Mapping[str, Any], kind: Measure) -> Verdict | None:
    """'better' or 'worse' if the difference's interval leaves out zero; None without one."""
    low, high = difference.get("low"), difference.get("high")
    if kind.higher_is_better is None or not (is_number(low) and is_number(high)):
        return None
    if low <= 0 <= high:
        return "unclear"
    return "better" if (low > 0) == kind.higher_is_better else "worse"
