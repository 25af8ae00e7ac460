"""The paragraphs at the head of a report, made from figures and never stronger than they allow.

Closed loop comes first: an offline figure says how well actions are predicted, only rollouts say
how often the goal is reached. 'Better' is said only where the interval of a paired difference
leaves out zero, or, without one, where two 95 % intervals keep apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bydemo.report.measures import measures_in
from bydemo.report.rates import difference_text, rate_text
from bydemo.report.reading import POLICY, Run, nested
from bydemo.report.standing import main_split, outcome_of, standing

Comparisons = Sequence[Mapping[str, Any]]
"""The first run against each other one, in order: {"rollouts": {label: difference},
"offline": {split: {figure: difference}}}; a difference is {"value", "low", "high", "verdict", "n"}.
"""


def verdict_of(runs: Sequence[Run], comparisons: Comparisons = ()) -> list[str]:
    """The headline and the paragraphs under it."""
    several = len(runs) > 1
    said = [_closed_loop(run, named=several) for run in runs]
    if not several:
        said += [_references(runs[0], label) for label in runs[0].tasks]
    for other, compared in zip(runs[1:], comparisons, strict=False):
        said.append(_compared(runs[0], other, compared))
    said += [_offline(run, named=several) for run in runs]
    found = [text for text in said if text]
    if not found:
        return ["Not judged yet: neither offline figures nor rollouts exist, so nothing can be "
                "said about what was learned."]  # fmt: skip
    if not any(run.tasks for run in runs):
        found.append("Nothing has been rolled out in closed loop: good predictions do not yet "
                     "mean that the robot reaches its goal.")  # fmt: skip
    return found


def _closed_loop(run: Run, *, named: bool) -> str:
    parts = [f"{label} {rate_text(run.block('rollouts', label))}" for label in run.tasks]
    if not parts:
        return ""
    who = f"{run.name}, closed-loop success" if named else "Closed-loop success"
    return f"{who}: {listed(parts)}."


def _references(run: Run, label: str) -> str:
    blocks = run.block("rollouts", label, "references")
    said = [
        f"{ACTORS.get(name, name)} {rate_text(block)}"
        for name, block in blocks.items()
        if isinstance(block, Mapping)
    ]
    return f"For comparison on {label}: {listed(said)}." if said else ""


ACTORS = {"expert": "the scripted expert", "random": "random actions"}
"""Reference actors in words."""


def _compared(first: Run, other: Run, compared: Mapping[str, Any]) -> str:
    said = [
        difference_text(first.name, other.name, label, found)
        for label, found in nested(compared, "rollouts").items()
    ]
    split = main_split(first)
    figures = nested(compared, "offline", split) if split else {}
    kinds = [kind for kind in measures_in([figures]) if kind.in_headline]
    outcomes: dict[str, list[str]] = {"better": [], "worse": [], "unclear": []}
    for kind in kinds:
        outcomes[outcome_of(nested(figures, kind.key), kind) or "unclear"].append(kind.title)
    words = {"better": "is better in", "worse": "is worse in", "unclear": "cannot be told apart in"}
    clauses = [f"{words[key]} {listed(names)}" for key, names in outcomes.items() if names]
    if clauses:
        said.append(f"offline on the {split} split, {first.name} {'; it '.join(clauses)}")
    return f"{first.name} against {other.name}: {'; '.join(said)}." if said else ""


def _offline(run: Run, *, named: bool) -> str:
    split = main_split(run)
    if split is None or POLICY not in run.candidates(split):
        return ""
    outcomes: dict[str, list[str]] = {"better": [], "worse": [], "unclear": []}
    for kind in measures_in(run.candidates(split).values()):
        stands = standing(run, split, kind) if kind.in_headline else None
        if stands is None:
            continue
        ours, theirs = kind.write(stands.ours.value), kind.write(stands.theirs.value)
        outcomes[stands.outcome].append(f"{kind.title} {ours} (against {theirs}, {stands.rival})")
    words = {
        "better": "beats every baseline in",
        "worse": "is worse than a baseline in",
        "unclear": "cannot be told from the best baseline in",
    }
    clauses = [f"{words[key]} {listed(names)}" for key, names in outcomes.items() if names]
    if not clauses:
        return ""
    episodes = run.block("offline", split).get("episodes")
    where = f"Offline on the {split} split" + (f", n = {episodes} episodes," if episodes else "")
    who = run.name if named else "the policy"
    return (
        f"{where} {who} {'; it '.join(clauses)}. Only baselines that do not look at the previous "
        "action count here; a claim needs a 95 % interval that excludes equality."
    )


def listed(parts: Sequence[str]) -> str:
    """`a, b and c`."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
