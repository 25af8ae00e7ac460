"""A dataset's facts read with a critical eye: what to mend, what to mind, what to know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from bydemo.evaluation import baselines

Level = Literal["problem", "warning", "note"]

RARE_CLASS = 0.05
MANY_IDLE = 0.2
MANY_SATURATED = 0.2
MANY_STALLED = 0.01
MANY_NEAR = 0.5
MANY_FIRST_JUMPS = 0.05
UNEVEN_CLOCK = 0.02
FREE_R2 = 0.9
FREE_ACCURACY = 0.95


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One sentence on the data; `problem`: mend it first, `warning`: mind it, `note`: know it."""

    level: Level
    text: str

    def to_json(self) -> dict[str, str]:
        """Plain JSON values."""
        return asdict(self)


def findings(facts: Mapping[str, Any]) -> list[Finding]:
    """All findings, the worst first."""
    found = [
        Finding(level=level, text=text)
        for source in (_episodes, _values, _labels, _motion, _cameras, _free)
        for level, text in source(facts)
    ]
    order: tuple[Level, ...] = ("problem", "warning", "note")
    return sorted(found, key=lambda f: order.index(f.level))


def is_sound(facts: Mapping[str, Any]) -> bool:
    """Is every observed number and action finite, and every label of the action a known class?"""
    seen = [v for v in facts["values"] if not v["array"].startswith("annotation.")]
    labels = [label for label in facts["labels"] if label["array"] == "action"]
    return not any(v["missing"] for v in seen) and not any(found["outside"] for found in labels)


Found = Iterator[tuple[Level, str]]


def _episodes(facts: Mapping[str, Any]) -> Found:
    episodes = facts["episodes"]
    if not facts["dataset"]["complete"]:
        yield "warning", "The recording was not finished: only whole episodes are counted."
    if facts["dataset"]["split"]["kind"] == "none":
        yield "note", "The episodes are not split into train, validation and test yet."
    for group in episodes["repeated"][:5]:
        yield "problem", f"Episodes {_listed(group)} have exactly the same actions."
    length = episodes["length"]
    if length["low"] < 0.25 * length["median"]:
        yield (
            "warning",
            f"Episode {length['shortest'][0]} has only {length['low']} steps "
            f"(median {length['median']:.0f}).",
        )
    if episodes["without_instruction"]:
        yield "note", f"{episodes['without_instruction']} episodes have no instruction."
    clock = episodes["clock"]
    if clock and clock["backwards"]:
        yield "problem", f"The clock runs backwards or stands still {clock['backwards']} times."
    if clock and 1 - clock["within_a_tenth"] > UNEVEN_CLOCK:
        yield (
            "note",
            f"The clock is uneven: {clock['low']:.3f} to {clock['high']:.3f} s between steps, "
            f"{_percent(1 - clock['within_a_tenth'])} of them over a tenth off "
            f"{clock['period']:.3g} s.",
        )
    reward = episodes["reward"]
    if reward and reward["episodes_with_early_reward"]:
        yield (
            "warning",
            f"{reward['episodes_with_early_reward']} episodes give reward before their last step.",
        )
    ends = episodes["ends"]
    if ends["terminals"]:
        odd = [e["episode"] for e in ends["terminals"]]
        yield "warning", f"Terminal flags are not just at the end of episodes {_listed(odd)}."
    if ends["gaps_before"]:
        odd = [e["episode"] for e in ends["gaps_before"]]
        yield "warning", f"Rows do not follow on each other within episodes {_listed(odd)}."
    if ends["prompts"]:
        odd = [e["episode"] for e in ends["prompts"]]
        yield "warning", f"The instruction changes within episodes {_listed(odd)}."


def _values(facts: Mapping[str, Any]) -> Found:
    by_flag: dict[str, list[Mapping[str, Any]]] = {}
    for value in facts["values"]:
        if not value["array"].startswith("annotation."):
            for flag in value["flags"]:
                by_flag.setdefault(flag, []).append(value)
    for value in by_flag.get("not finite", ()):
        yield "problem", f"{_named(value)} is not finite {value['missing']} times."
    for value in by_flag.get("outside its limits", ()):
        yield (
            "problem",
            f"{_named(value)} spans {value['low']:.4g} to {value['high']:.4g} {value['unit']}, "
            f"beyond its limits {value['limits'][0]:.4g} to {value['limits'][1]:.4g}.",
        )
    for flag, seriousness, meaning in _FLAT:
        values = by_flag.get(flag, ())
        if values:
            yield seriousness, f"{_all_named(values)}: {flag}. {meaning}"
    saturated = by_flag.get("saturated", ())
    if saturated:
        shares = {_named(v): v["at_low"] + v["at_high"] for v in saturated}
        listed = ", ".join(f"{name} ({_percent(share)})" for name, share in shares.items())
        level: Level = "warning" if max(shares.values()) >= MANY_SATURATED else "note"
        yield level, f"At their extremes in many steps: {listed}."


_FLAT: tuple[tuple[str, Level, str], ...] = (
    ("constant", "note", "It tells a policy nothing."),
    ("near-constant", "warning", "Dividing by its standard deviation would magnify noise."),
    (
        "still in most episodes",
        "warning",
        "A policy sees little of its movement, and may use it to tell episodes apart.",
    ),
)


def _labels(facts: Mapping[str, Any]) -> Found:
    for label in facts["labels"]:
        if label["array"] != "action":
            continue
        if label["outside"]:
            yield "problem", f"{label['part']} holds {label['outside']} values that are no class."
        for name, share in zip(label["classes"], label["shares"], strict=True):
            if share == 0:
                yield "warning", f"{label['part']} is never '{name}'."
            elif share < RARE_CLASS:
                yield (
                    "warning",
                    f"{label['part']} is '{name}' in only {_percent(share)} of the steps: "
                    "judge it by recall, not by accuracy.",
                )
        if label["episodes_without_change"]:
            yield (
                "note",
                f"{label['part']} never changes in {label['episodes_without_change']} episodes.",
            )


def _motion(facts: Mapping[str, Any]) -> Found:
    motion = facts["motion"]
    idle, spikes = motion["idle_commands"], motion["spikes"]
    if idle and idle["share"] > MANY_IDLE:
        yield (
            "warning",
            f"{_percent(idle['share'])} of the commands are next to zero, "
            f"{idle['steps_before_moving']:.0f} steps before the first movement: a policy may "
            "learn to wait.",
        )
    if idle and idle["episodes_all_idle"]:
        yield "problem", f"{idle['episodes_all_idle']} episodes hold no command to move."
    readings = motion["first_readings"]
    if readings and len(readings["jumping"]) > MANY_FIRST_JUMPS * readings["episodes"]:
        yield (
            "warning",
            f"In {len(readings['jumping'])} of {readings['episodes']} episodes the first reading "
            f"lies far from all that follow (episodes {_listed(readings['jumping'])}): it is "
            "probably left over from before, and a speed told from it is wrong.",
        )
    if spikes and spikes["count"]:
        first = spikes["listed"][0]
        yield (
            "warning",
            f"{spikes['count']} commands jump away for a single step; the farthest is "
            f"{first['component']} in episode {first['episode']}, step {first['step']}.",
        )


def _cameras(facts: Mapping[str, Any]) -> Found:
    for camera in facts["cameras"]:
        name = camera["camera"]
        if camera["repeated_across_splits"]:
            yield (
                "problem",
                f"{name}: {camera['repeated_across_splits']} held-out frames are in the training "
                "split too.",
            )
        if camera["stalled_share"] > MANY_STALLED:
            yield (
                "warning",
                f"{name}: {_percent(camera['stalled_share'])} of the frames equal the one before: "
                "the camera stalls, or runs slower than the robot.",
            )
        if camera["repeated_elsewhere"] > camera["repeated_across_splits"]:
            yield "note", f"{name}: {camera['repeated_elsewhere']} frames occur in other episodes."
        if camera["grey_std"] < 0.02:
            yield "problem", f"{name}: the pictures are nearly one flat colour."
        near = camera["near"]
        if near and near["nearer_than_a_step"] > MANY_NEAR:
            yield (
                "warning",
                f"{name}: {_percent(near['nearer_than_a_step'])} of the {near['split']} frames lie "
                "nearer to a training frame than one step moves the picture: the split says "
                "little about new scenes.",
            )


def _free(facts: Mapping[str, Any]) -> Found:
    """What copying or a linear map already gets, and so is no proof of learning."""
    predicted = facts.get("predictability")
    if not is_sound(facts):
        yield "note", "How well the actions can be predicted was left out: mend the values first."
    if not predicted:
        return
    candidates = predicted["candidates"]
    copied = candidates.get(baselines.COPY_PREVIOUS, {})
    for key, figure in copied.items():
        part, _, kind = key.partition(".")
        if kind == "r2" and (figure["value"] or 0.0) >= FREE_R2:
            yield (
                "warning",
                f"Copying the previous action already explains {_percent(figure['value'])} of "
                f"{part}: judge policies beside it, and never feed them the last action unawares.",
            )
        if kind == "accuracy" and (figure["value"] or 0.0) >= FREE_ACCURACY:
            events = copied.get(f"{part}.event_f1", {})
            yield (
                "warning",
                f"Copying the previous {part} is right in {_percent(figure['value'])} of the steps "
                f"and foretells none of its {events.get('there', '?')} changes: judge {part} by "
                "the changes found, not by accuracy.",
            )
    yield from _leak(candidates)


def _leak(candidates: Mapping[str, Any]) -> Found:
    one = candidates.get(baselines.LINEAR, {})
    two: Mapping[str, Any] = candidates.get(baselines.TWO_STEPS, {})
    for key, figure in two.items():
        part, _, kind = key.partition(".")
        alone = one.get(key, {}).get("value") if kind == "r2" else None
        if alone is not None and figure["value"] - alone > 0.3 and figure["value"] > 0.6:
            yield (
                "warning",
                f"Two steps of proprioception explain {_percent(figure['value'])} of {part}, one "
                f"step only {_percent(max(alone, 0.0))}: the action is close to the measured "
                "change of the state, and a history of states leaks it.",
            )


def _named(value: Mapping[str, Any]) -> str:
    return f"{value['array'].removeprefix('observation.')} {value['component']}"


def _all_named(values: list[Mapping[str, Any]] | tuple[()]) -> str:
    return ", ".join(dict.fromkeys(_named(v) for v in values))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if 0 < share < 1 else f"{100 * share:.0f} %"


def _listed(numbers: list[int]) -> str:
    shown = ", ".join(str(n) for n in numbers[:8])
    return shown + (", ..." if len(numbers) > 8 else "")
