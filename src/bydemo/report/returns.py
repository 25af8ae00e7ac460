"""Returns in words, tiles and strips: never without their n and their uncertainty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bydemo.report.page import Tile
from bydemo.report.reading import nested
from bydemo.report.strips import Strip
from bydemo.report.svg import PERCENT, Number, figure, is_number, rounded, sentence, spoken

ACTORS = {
    "expert": "the expert", "random": "random actions", "still": "doing nothing",
}  # fmt: skip
"""Reference actors in words."""


def judged_by_return(block: Mapping[str, Any]) -> bool:
    """Whether a rollouts entry is told by its return: so its task says, or it knows no goal."""
    if not nested(block, "return"):
        return False
    return block.get("judged_by") == "return" or not is_number(block.get("rate"))


def episode_returns(block: Mapping[str, Any]) -> dict[int, float]:
    """Seed -> return of every episode that has one."""
    episodes = block.get("episodes") or []
    return {int(e["seed"]): float(e["return"]) for e in episodes
            if "seed" in e and is_number(e.get("return"))}  # fmt: skip


def return_text(block: Mapping[str, Any]) -> str:
    """E.g. `-22.6 +- 0.3 (mean and standard error, n = 100; 95 % interval -23.2 to -21.9)`."""
    found = nested(block, "return")
    n, seed = found.get("n", block.get("n")), found.get("worst_seed")
    if not is_number(found.get("mean")):
        broken = f", since the episode with seed {seed} broke off" if seed is not None else ""
        return f"unknown{broken}"
    said = f"{mean_text(found)} (mean and standard error, n = {n}"
    low, high = found.get("low"), found.get("high")
    if is_number(low) and is_number(high):
        half = (high - low) / 2
        said += f"; 95{PERCENT} interval {rounded(low, half)} to {rounded(high, half)}"
    return f"{said})"


def mean_text(found: Mapping[str, Any]) -> str:
    """E.g. `-22.6 +- 0.3`, of a `return` entry."""
    mean, error = found.get("mean"), found.get("standard_error")
    if not is_number(error):
        return figure(mean)
    return f"{rounded(mean, error)} \u00b1 {rounded(error, error)}"


def worst_text(block: Mapping[str, Any]) -> str:
    """E.g. `worst -31.2 at seed 0`, or nothing."""
    found = nested(block, "return")
    if not is_number(found.get("worst")):
        return ""
    return f"worst {figure(found.get('worst'))} at seed {found.get('worst_seed')}"


def score_text(block: Mapping[str, Any]) -> str:
    """E.g. `99.5 (95 % interval 98.9 to 100.1; 0 is doing nothing, 100 the expert)`."""
    found = nested(block, "score")
    if not is_number(found.get("value")):
        return ""
    value, spread = with_interval(found)
    between = f"95{PERCENT} interval {spread}; " if spread else ""
    return f"{value} ({between}0 is doing nothing, 100 the expert)"


def with_interval(found: Mapping[str, Any]) -> tuple[str, str]:
    """A figure and its interval as text, with the decimals that the interval allows."""
    value, low, high = found.get("value"), found.get("low"), found.get("high")
    if not (is_number(low) and is_number(high)):
        return figure(value if is_number(value) else None), ""
    half = (high - low) / 2
    shown = rounded(value if is_number(value) else None, half)
    return shown, f"{rounded(low, half)} to {rounded(high, half)}"


def signed(value: Number, half: Number) -> str:
    """A difference with its sign."""
    said = rounded(value, half)
    return f"+{said}" if is_number(value) and value > 0 else said


def return_gap_text(found: Mapping[str, Any]) -> str:
    """E.g. `-0.17 (95 % interval -0.22 to -0.12, n = 100 seeds)`, or nothing."""
    value, low, high = found.get("value"), found.get("low"), found.get("high")
    if not is_number(value):
        return ""
    if not (is_number(low) and is_number(high)):
        return f"{signed(value, None)} (n = {found.get('n', '?')})"
    half = (high - low) / 2
    between = f"{signed(low, half)} to {signed(high, half)}"
    return f"{signed(value, half)} (95{PERCENT} interval {between}, n = {found.get('n', '?')})"


def returns_compared(first: str, other: str, label: str, found: Mapping[str, Any]) -> str:
    """A paired difference of mean returns in words; its verdict decides what is claimed."""
    said = {"better": f"{first} earns more at {label}", "worse": f"{first} earns less at {label}"}
    unclear = f"at {label} their returns cannot be told apart"
    return f"{said.get(str(found.get('verdict')), unclear)}: {return_gap_text(found)}"


def return_tiles(label: str, block: Mapping[str, Any]) -> list[Tile]:
    """Return and score of one task."""
    found, name = nested(block, "return"), sentence(spoken(label))
    n = found.get("n", block.get("n"))
    note = f"mean \u00b1 standard error, n = {n}; {worst_text(block)}".rstrip("; ")
    tiles = [Tile(name=f"{name}, return", value=mean_text(found), note=note)]
    score = nested(block, "score")
    if is_number(score.get("value")):
        value, spread = with_interval(score)
        said = "0 is doing nothing, 100 the expert"
        note = f"{spread}; {said}" if spread else said
        tiles.append(Tile(name=f"{name}, score", value=value, note=note))
    return tiles


def return_strip(
    name: str, block: Mapping[str, Any], *, colour: int = 0, quiet: bool = False
) -> Strip:
    """A dot an episode, with the mean and its interval."""
    found = nested(block, "return")
    dots = [(f"seed {seed}", value) for seed, value in episode_returns(block).items()]
    return Strip(
        name=name, dots=dots, value=found.get("mean"), low=found.get("low"),
        high=found.get("high"), said=mean_text(found), note=worst_text(block), colour=colour,
        quiet=quiet,
    )  # fmt: skip


def gap_strip(
    name: str, ours: Mapping[str, Any], theirs: Mapping[str, Any], *, colour: int = 0
) -> Strip:
    """A dot a seed that both have: our return minus theirs, with the stated mean difference."""
    a, b = episode_returns(ours), episode_returns(theirs)
    gaps = {seed: a[seed] - b[seed] for seed in a if seed in b}
    found = nested(theirs, "policy_minus_this_return")
    worst = min(gaps, key=lambda seed: gaps[seed], default=None)
    note = "" if worst is None else f"furthest behind at seed {worst}: {signed(gaps[worst], None)}"
    said = return_gap_text(found).partition(" (")[0]
    return Strip(
        name=name, dots=[(f"seed {seed}", gap) for seed, gap in gaps.items()],
        value=found.get("value"), low=found.get("low"), high=found.get("high"), said=said,
        note=note, colour=colour,
    )  # fmt: skip


def outcome_text(episode: Mapping[str, Any]) -> str:
    """What an episode came to: success or the reason against it, and what it earned."""
    said = []
    if episode.get("success") is not None:
        said.append("success" if episode["success"] else str(episode.get("reason") or "failure"))
    elif episode.get("reason"):
        said.append(str(episode["reason"]))
    if is_number(episode.get("return")):
        said.append(f"return {figure(episode['return'])}")
    return ", ".join(said)
