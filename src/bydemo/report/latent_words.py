"""What the figures of a representation allow to say, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bydemo.report.reading import Run, nested
from bydemo.report.svg import is_number, listed, percent, spoken

HEADLINE = {"label": "macro_f1", "number": "r2"}
"""The figure that is spoken of, by the kind of target."""
JUDGED = "latent"
"""The name of the representation that is judged, among its rivals."""
LINEAR, NEAREST, CONSTANT = "linear", "nearest", "constant"
RAN_OUT = (
    "The learning rate had run out by then, which flattens any curve: more epochs at a higher rate "
    "might still go lower."
)


def latent_paragraphs(run: Run, *, named: bool = False) -> list[str]:
    """The headline about a representation and the paragraphs under it; nothing without figures.

    named: of several runs, each begins with its name, and only what is about it is said.
    """
    latent = run.block("latent")
    if not latent:
        return []
    said = [convergence_text(nested(latent, "convergence")), probe_text(latent)]
    if named:
        return [f"{run.name}: {' '.join(text for text in said if text)}"]
    said += [_neighbour_text(latent), CAUTION]
    return [text for text in said if text]


CAUTION = (
    "All this is about what a representation holds, not about what it is good for: only a policy "
    "trained on it, judged beside one that was not, can say that."
)


def convergence_text(block: Mapping[str, Any]) -> str:
    """What the rule makes of the losses, with the share of the way to the floor."""
    verdict = block.get("verdict")
    if not verdict:
        return ""
    words = {
        "converged": "The training has converged",
        "still falling": "The training has not converged: a loss still fell when it ended",
        "rising": "The training went on too long or broke down: a loss rose when it ended",
        "cannot tell": "Whether the training has converged cannot be told",
    }
    parts = [f"{words.get(str(verdict), str(verdict))} ({block.get('judged_on')} losses)"]
    gained = [
        f"{percent(curve['gained'])} for the {part_name(name)}"
        for name, curve in nested(block, "curves").items()
        if isinstance(curve, Mapping) and is_number(curve.get("gained"))
    ]
    if gained:
        parts.append("of the way from the mean model to the floor it went " + listed(gained))
    text = "; ".join(parts) + "."
    if nested(block, "learning_rate").get("ran_out") and verdict == "converged":
        text += f" {RAN_OUT}"
    return text


def probe_text(latent: Mapping[str, Any]) -> str:
    """How many things a linear probe reads off it better, worse, or not to be told, by rival."""
    said = []
    for rival in _rivals(latent):
        found = [outcome for _, outcome in outcomes_against(latent, rival)]
        if found:
            better, worse = found.count("better"), found.count("worse")
            left = len(found) - better - worse
            parts = [f"{better} better than off the {rival}", f"{worse} worse"]
            parts += [f"{left} not to be told apart"] if left else []
            said.append(f"{listed(parts)} (of {len(found)})")
    if not said:
        return ""
    return f"Of what is known of a step, a linear probe reads off the latent {'; '.join(said)}."


def probe_clauses(latent: Mapping[str, Any]) -> list[str]:
    """A sentence a rival that names what a linear probe reads off the latent better or worse."""
    words = {"better": "better for", "worse": "worse for", "unclear": "not to be told for"}
    said = []
    for rival in [CONSTANT, *_rivals(latent)]:
        outcomes = dict(outcomes_against(latent, rival))
        clauses = [
            f"{words[kind]} {listed([n for n, o in outcomes.items() if o == kind])}"
            for kind in words
            if kind in outcomes.values()
        ]
        if clauses:
            named = "a constant answer" if rival == CONSTANT else f"the {rival}"
            said.append(f"Against {named}: {'; '.join(clauses)}.")
    return said


def outcomes_against(latent: Mapping[str, Any], rival: str) -> Iterator[tuple[str, str]]:
    """(target, better, worse or unclear) of a linear probe, leaving out what the rival consists
    of."""
    for target in targets_of(latent):
        key = HEADLINE[str(target.get("kind"))]
        gap = nested(target, "differences", rival, LINEAR, key)
        verdict = str(gap.get("verdict", ""))
        if verdict and rival not in target.get("held_by", []):
            yield (
                spoken(str(target["target"])),
                verdict if verdict in BETTER_OR_WORSE else "unclear",
            )


BETTER_OR_WORSE = ("better", "worse")


def targets_of(latent: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What probes were asked for."""
    found = nested(latent, "probes").get("targets")
    return [t for t in found if isinstance(t, Mapping)] if isinstance(found, list) else []


def _rivals(latent: Mapping[str, Any]) -> list[str]:
    return [name for name in nested(latent, "representations") if name != latent.get("judged")]


def _neighbour_text(latent: Mapping[str, Any]) -> str:
    rows = [
        row
        for row in nested(latent, "neighbours").get("purity") or []
        if row.get("representation") == latent.get("judged") and row.get("scope") == OTHER
        and is_number(row.get("value")) and is_number(row.get("chance"))
    ]  # fmt: skip
    told = [row for row in rows if is_number(row.get("p")) and row["p"] < 0.05]
    rest = [spoken(str(row["target"])) for row in rows if row not in told]
    said = [
        f"{percent(row['value'])} share the {spoken(str(row['target']))} "
        f"(chance {percent(row['chance'])})"
        for row in told
    ]
    text = f"Of a step's nearest neighbours in other episodes {listed(said)}." if said else ""
    if rest:
        text += f" For {listed(rest)} neighbours agree no more often than by chance."
    return text.strip()


OTHER = "other_episodes"


def part_name(name: str) -> str:
    """A part of the loss in words."""
    known = {"loss": "total loss", "kl": "KL"}
    return known.get(name, spoken(name))
