"""The paragraphs at the head of a report, made from figures and never stronger than they allow.

Closed loop comes first: an offline figure says how well actions are predicted, only rollouts say
how often the goal is reached. 'Better' is said only where the interval of a paired difference
leaves out zero, or, without one, where two 95 % intervals keep apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bydemo.report.latent_words import latent_paragraphs
from bydemo.report.measures import measures_in
from bydemo.report.rates import difference_text, rate_text
from bydemo.report.reading import POLICY, Run, nested
from bydemo.report.returns import (
    ACTORS,
    judged_by_return,
    return_gap_text,
    return_text,
    returns_compared,
    score_text,
    worst_text,
)
from bydemo.report.standing import main_split, outcome_of, standing
from bydemo.report.svg import is_number, listed, spoken

Comparisons = Sequence[Mapping[str, Any]]
"""The first run against each other one, in order: {"rollouts": {label: difference},
"offline": {split: {figure: difference}}}; a difference is {"value", "low", "high", "verdict", "n"},
one of rollouts is of success rates, with that of returns under "return".
"""


def verdict_of(runs: Sequence[Run], comparisons: Comparisons = ()) -> list[str]:
    """The headline and the paragraphs under it."""
    if len(runs) == 1:
        run = runs[0]
        found = [text for text in (_closed_loop(run), _offline(run), _references(run)) if text]
    else:
        compared = zip(runs[1:], comparisons, strict=False)
        said = [_compared(runs[0], other, differences) for other, differences in compared]
        rates = [_closed_loop(run, run.name) for run in runs]
        offline = [_offline(run, run.name) for run in runs]
        found = [text for text in (*said, *rates, *offline) if text]
    acts = bool(found)
    found += [text for run in runs for text in latent_paragraphs(run, named=len(runs) > 1)]
    if not found:
        return ["Not judged yet: neither offline figures nor rollouts exist, so nothing can be "
                "said about what was learned."]  # fmt: skip
    if acts and not any(run.tasks for run in runs):
        found.append("Nothing has been rolled out in closed loop: good predictions do not yet "
                     "mean that the robot reaches its goal.")  # fmt: skip
    if any(main_split(run) for run in runs):
        found.append(RULE)
    return found


RULE = (
    "Only baselines that do not look at the previous action count here, and 'better' or 'worse' "
    "is said only where a 95\u00a0% interval excludes equality."
)


def _closed_loop(run: Run, name: str = "") -> str:
    own = "the policy" if run.trained else "the actor"
    who = name or f"On its own, {own}"
    blocks = {label: run.block("rollouts", label) for label in run.tasks}
    said = [
        _earned(name or own, label, block)
        for label, block in blocks.items()
        if judged_by_return(block)
    ]
    rates = [
        f"{rate_text(block)} of {spoken(label)}"
        for label, block in blocks.items()
        if is_number(block.get("successes")) or not judged_by_return(block)
    ]
    if rates:
        said.append(f"{'It' if said else who} succeeds in {listed(rates)}.")
    return " ".join(said)


def _earned(who: str, label: str, block: Mapping[str, Any]) -> str:
    score, worst = score_text(block), worst_text(block)
    text = f"At {spoken(label)} {who} earns a return of {return_text(block)}"
    text += f", {worst}" if worst else ""
    return f"{text}: score {score}." if score else f"{text}."


def _references(run: Run) -> str:
    said: dict[str, list[str]] = {}
    for label in run.tasks:
        for name, block in run.block("rollouts", label, "references").items():
            if isinstance(block, Mapping):
                said.setdefault(ACTORS.get(name, name), []).append(_reference(label, block))
    parts = [f"{actor} {listed(outcomes)}" for actor, outcomes in said.items()]
    if not parts:
        return ""
    return " ".join([f"For comparison: {'; '.join(parts)}.", *_behind_the_expert(run)])


def _behind_the_expert(run: Run) -> list[str]:
    """The paired gap in returns, of each task that is judged by them."""
    said = []
    for label in run.tasks:
        expert = run.block("rollouts", label, "references", "expert")
        gap = return_gap_text(nested(expert, "policy_minus_this_return"))
        if gap and judged_by_return(run.block("rollouts", label)):
            said.append(f"On the same seeds of {spoken(label)}, policy minus expert is {gap}.")
    return said


def _reference(label: str, block: Mapping[str, Any]) -> str:
    if not judged_by_return(block):
        return f"in {rate_text(block)} of {spoken(label)}"
    return f"earns {return_text(block)} at {spoken(label)}"


def _compared(first: Run, other: Run, compared: Mapping[str, Any]) -> str:
    said = [
        text
        for label, found in nested(compared, "rollouts").items()
        for text in _acting(first, other, label, found)
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
        said.append(f"offline it {'; it '.join(clauses)}")
    return f"{first.name} against {other.name}: {'; '.join(said)}." if said else ""


def _acting(first: Run, other: Run, label: str, found: Mapping[str, Any]) -> list[str]:
    """What the paired differences of one task say: of returns where it is judged by them, and of
    success rates where they are known."""
    returns, told = nested(found, "return"), []
    if returns and judged_by_return(first.block("rollouts", label)):
        told.append(returns_compared(first.name, other.name, label, returns))
    if not told or is_number(found.get("value")):
        told.append(difference_text(first.name, other.name, label, found))
    return told


def _offline(run: Run, name: str = "") -> str:
    split = main_split(run)
    if split is None or POLICY not in run.candidates(split):
        return ""
    outcomes: dict[str, list[str]] = {"better": [], "worse": [], "unclear": []}
    for kind in measures_in(run.candidates(split).values()):
        stands = standing(run, split, kind) if kind.in_headline else None
        if stands is not None:
            outcomes[stands.outcome].append(kind.title)
    words = {
        "better": "predicts better than every trivial baseline by",
        "worse": "is worse than a trivial baseline by",
        "unclear": "cannot be told from the best trivial baseline by",
    }
    clauses = [f"{words[key]} {listed(titles)}" for key, titles in outcomes.items() if titles]
    if not clauses:
        return ""
    episodes = run.block("offline", split).get("episodes")
    size = f" of the {split} split (n = {episodes})" if episodes else f" of the {split} split"
    return f"On the episodes{size} {name or 'the policy'} {'; it '.join(clauses)}."
