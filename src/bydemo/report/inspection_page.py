"""The inspection of a dataset as one self-contained HTML page: what to mind before training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from markupsafe import Markup
from numpy.typing import NDArray

from bydemo.report.images import image_strip
from bydemo.report.inspection_baselines import baseline_section
from bydemo.report.inspection_sections import (
    camera_section,
    episode_section,
    jaco_section,
    label_section,
    motion_section,
    value_section,
)
from bydemo.report.inspection_words import LEVELS, amount, counted, duration, percent
from bydemo.report.page import Section, Tile, heading, key_values, render_page
from bydemo.report.svg import element, figure


class StripLike(Protocol):
    """Pictures of one episode and camera: (h, w, 3) uint8 each, with the steps they are from."""

    @property
    def episode(self) -> int: ...
    @property
    def camera(self) -> str: ...
    @property
    def steps(self) -> Sequence[int]: ...
    @property
    def pictures(self) -> Sequence[NDArray[Any]]: ...
    @property
    def instruction(self) -> str: ...


def inspection_page(facts: Mapping[str, Any], strips: Sequence[StripLike] = ()) -> str:
    """The page as HTML, from the facts of an inspection (schema bydemo.inspection/1)."""
    dataset = facts["dataset"]
    sections = [
        _findings(facts["findings"]),
        _pictures(facts, strips),
        episode_section(facts),
        baseline_section(facts.get("predictability")),
        value_section(facts),
        label_section(facts),
        motion_section(facts),
        camera_section(facts),
        jaco_section(facts.get("jaco_play")),
        _source(facts),
    ]
    made = ", ".join(f"{name} {version}" for name, version in facts.get("versions", {}).items())
    return render_page(
        title=f"Inspection of {dataset['name']}",
        subtitle=_subtitle(facts),
        verdict=_verdict(facts["findings"]),
        tiles=_tiles(facts),
        sections=[section for section in sections if section is not None],
        footer=f"Dataset {dataset['fingerprint'][:16]}. {made}",
    )


def _subtitle(facts: Mapping[str, Any]) -> str:
    dataset = facts["dataset"]
    robot = dataset["source"].get("robot") or dataset["source"].get("task") or ""
    cameras = ", ".join(f"{n} {s[0]}x{s[1]}" for n, s in dataset["cameras"].items())
    told = [t["text"] for t in facts["episodes"]["instructions"]["listed"] if t["text"]]
    words = f"“{told[0]}”" if len(told) == 1 else ""
    parts = [str(robot), words, f"{dataset['control_rate']:g} Hz", cameras]
    return " · ".join(part for part in parts if part)


def _verdict(found: Sequence[Mapping[str, str]]) -> list[str]:
    counts = {level: sum(f["level"] == level for f in found) for level in LEVELS}
    if counts["problem"]:
        head = f"{counted(counts['problem'], 'problem')} to mend before training."
    elif counts["warning"]:
        head = f"Nothing is broken; {counted(counts['warning'], 'thing')} to mind."
    else:
        head = "Nothing suspicious was found."
    return [head, *(f["text"] for f in found if f["level"] == "problem")]


def _tiles(facts: Mapping[str, Any]) -> list[Tile]:
    dataset, episodes = facts["dataset"], facts["episodes"]
    length = episodes["length"]
    tiles = [
        Tile(name="Episodes", value=amount(dataset["episodes"]),
             note=f"{length['low']} to {length['high']} steps"),
        Tile(name="Steps", value=amount(dataset["steps"]), note=duration(dataset["seconds"])),
        Tile(name="Instructions", value=amount(episodes["instructions"]["distinct"]),
             note="distinct"),
    ]  # fmt: skip
    idle = facts["motion"]["idle_commands"]
    if idle:
        tiles.append(Tile(name="Idle commands", value=percent(idle["share"]), note="next to zero"))
    predicted = facts.get("predictability")
    if predicted:
        linear = predicted["candidates"].get("linear on proprioception", {})
        for key, found in linear.items():
            if key.endswith(".r2"):
                part = key.removesuffix(".r2").replace("_", " ")
                tiles.append(
                    Tile(name=f"{part}: R²", value=figure(found["value"], 2), note="linear model")
                )
    return tiles


def _findings(found: Sequence[Mapping[str, str]]) -> Section:
    styles = {"problem": "worse", "warning": "unclear", "note": "note"}
    rows = [
        element("li", element("span", f["level"], class_=styles[f["level"]]), " ", f["text"])
        for f in found
    ]
    body = element("ul", *rows) if rows else element("p", "Nothing suspicious was found.")
    return Section(
        title="What to mind",
        body=body,
        lead="Problems should be mended first; warnings change how policies are trained or judged.",
    )


def _pictures(facts: Mapping[str, Any], strips: Sequence[StripLike]) -> Section | None:
    if not strips:
        return None
    rate = facts["dataset"]["control_rate"]
    drawn: list[Markup] = []
    episode = -1
    for strip in strips:
        if strip.episode != episode:
            episode = strip.episode
            said = f": {strip.instruction}" if strip.instruction else ""
            drawn.append(heading(f"Episode {episode}{said}"))
        captions = [f"{step / rate:.1f} s" for step in strip.steps]
        drawn.append(image_strip(strip.pictures, captions, title=strip.camera))
    return Section(
        title="Episodes to look at",
        body=Markup("").join(drawn),
        lead="The shortest, the longest, and others from the beginning to the end.",
    )


def _source(facts: Mapping[str, Any]) -> Section:
    dataset = facts["dataset"]
    pairs = [(name.replace("_", " "), _shown(value)) for name, value in dataset["source"].items()]
    rendering = dataset["rendering"]
    body = key_values([("path", dataset["path"]), *pairs])
    if rendering:
        shown = [(name.replace("_", " "), _shown(value)) for name, value in rendering.items()]
        body += heading("Rendering") + key_values(shown)
    return Section(title="Source", body=body, lead="As the dataset's manifest states it.")


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return figure(value)
    if isinstance(value, Mapping):
        return "; ".join(f"{k}: {_shown(v)}" for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_shown(v) for v in value[:12]) + (", ..." if len(value) > 12 else "")
    return "" if value is None else str(value)
