"""The sections of an inspection page that show the dataset's own facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from bydemo.report.charts import Bar, Series, bar_chart, histogram, line_chart
from bydemo.report.inspection_words import amount, component, percent, remarks, spread
from bydemo.report.page import Section, folded, heading, paragraph, row_of, table
from bydemo.report.svg import DASH, figure

MOST_LINES = 8
"""Lines in one chart; as many as there are colours."""


def episode_section(facts: Mapping[str, Any]) -> Section:
    """Lengths, outcomes, clock, splits and instructions."""
    episodes, dataset = facts["episodes"], facts["dataset"]
    length, clock = episodes["length"], episodes["clock"]
    charts = [
        histogram(
            length["histogram"]["counts"], length["histogram"]["edges"],
            title="Episode length", x_label="steps",
            note=f"Mean {length['mean']:.1f} ± {length['std']:.1f}, median {length['median']:g}.",
        )
    ]  # fmt: skip
    if clock:
        charts.append(
            histogram(
                clock["histogram"]["counts"], clock["histogram"]["edges"],
                title="Time between steps", x_label="seconds",
                note=f"Mean {clock['mean']:.4f} s; {percent(clock['within_a_tenth'])} within a "
                f"tenth of {clock['period']:g} s; longest {clock['high']:.2f} s.",
            )
        )  # fmt: skip
    parts: list[Markup] = [row_of(*charts)]
    split = dataset["split"]
    if split["parts"]:
        rows = [[n, amount(p["episodes"]), amount(p["steps"])] for n, p in split["parts"].items()]
        parts.append(
            table(["split", "episodes", "steps"], rows, caption=f"Splits ({split['kind']})")
        )
    parts.append(_outcomes(episodes))
    listed = episodes["instructions"]["listed"]
    if len(listed) > 1:
        rows = [[t["text"] or DASH, amount(t["episodes"]), amount(t["steps"])] for t in listed]
        found = table(["instruction", "episodes", "steps"], rows)
        parts.append(folded(f"{episodes['instructions']['distinct']} instructions", found))
    return Section(title="Episodes", body=Markup("").join(parts))


def _outcomes(episodes: Mapping[str, Any]) -> Markup:
    found, reward = episodes["outcomes"], episodes["reward"]
    said = [f"{amount(count)} {name}" for name, count in found.items() if count]
    text = f"Outcomes: {', '.join(said)}."
    if reward:
        text += (
            f" Reward is given in {amount(reward['steps'])} steps, in "
            f"{amount(reward['at_last_step'])} of them at an episode's end."
        )
    return paragraph(text)


def value_section(facts: Mapping[str, Any]) -> Section:
    """Statistics of every component, and their distributions."""
    values = facts["values"]
    heads = ["component", "remarks", "mean", "std", "lowest", "highest", "std in an episode"]
    parts: list[Markup] = []
    for group, title in (("action", "Action"), ("observation", "Proprioception"),
                         ("annotation", "Annotation")):  # fmt: skip
        members = [v for v in values if v["array"].split(".")[0] == group]
        if not members:
            continue
        rows = [
            [component(v), remarks(v), *spread(v), figure(v["std_within_episodes"])]
            for v in members
        ]
        shown = table(heads, rows, text_columns=2)
        charts = row_of(*(_distribution(v) for v in members if not v["label"]))
        if group == "action":
            parts += [heading(title), shown, charts]
        elif group == "annotation":
            parts.append(folded(title, shown + charts))
        else:
            parts += [heading(title), shown, folded(f"Distributions: {title.lower()}", charts)]
    return Section(
        title="Values",
        body=Markup("").join(parts),
        lead="Over all steps, accumulated in float64. The std in an episode is the median one.",
    )


def _distribution(value: Mapping[str, Any]) -> Markup:
    found = value["histogram"]
    return histogram(found["counts"], found["edges"], title=component(value), x_label=value["unit"])


def label_section(facts: Mapping[str, Any]) -> Section | None:
    """How often each class occurs and how often labels change."""
    if not facts["labels"]:
        return None
    charts = []
    for label in facts["labels"]:
        bars = [
            Bar(name=name, value=share, note=f"{amount(count)} steps")
            for name, share, count in zip(
                label["classes"], label["shares"], label["counts"], strict=True
            )
        ]
        note = (
            f"{amount(label['changes'])} changes, {label['changes_an_episode']:.1f} an episode; "
            f"{label['episodes_without_change']} episodes without one."
        )
        field = label["array"].removeprefix("annotation.")
        title = label["part"] if field == label["part"] else f"{field}: {label['part']}"
        charts.append(bar_chart(bars, title=title, percent=True, note=note))
    return Section(title="Classes", body=row_of(*charts), lead="Rare classes are easily missed.")


def motion_section(facts: Mapping[str, Any]) -> Section:
    """Idle shares, spikes, trajectories of a few episodes, and ways through space."""
    motion = facts["motion"]
    rows = [
        [name, percent(found["share"]), f"{found['steps_before_moving']:.1f}",
         f"{found['steps_after_moving']:.1f}",
         f"{found['longest']['steps']} (episode {found['longest']['episode']})"]
        for name, found in (("command next to zero", motion["idle_commands"]),
                            ("robot at rest", motion["resting"]))
        if found
    ]  # fmt: skip
    parts: list[Markup] = []
    if rows:
        heads = ["", "of all steps", "steps before moving", "steps after", "longest"]
        parts.append(table(heads, rows, caption="Idle"))
    idle = motion["idle_commands"]
    if idle:
        exact = f"Exactly zero: {percent(idle['exactly_zero'])} of the commands."
        parts.append(paragraph(exact, style="note"))
    spikes = motion["spikes"]
    if spikes and spikes["count"]:
        listed = [
            [s["component"], str(s["episode"]), str(s["step"]), figure(s["change"]),
             f"{s['deviations']:.1f}"]
            for s in spikes["listed"]
        ]  # fmt: skip
        heads = ["component", "episode", "step", "jump", "in standard deviations"]
        parts.append(
            folded(f"{spikes['count']} commands that jump away for a single step",
                   table(heads, listed), opened=spikes["count"] <= 5)
        )  # fmt: skip
    parts += [_ways(path) for path in facts["paths"]]
    parts += [_trajectory(t, opened=i == 0) for i, t in enumerate(facts["trajectories"])]
    return Section(title="Movement", body=Markup("").join(parts))


def _ways(path: Mapping[str, Any]) -> Markup:
    """An observed position from above and from the side, a line an episode."""
    views = []
    for a, b in ((0, 1), (0, 2)):
        series = [
            Series(name="", x=line["xyz"][a], y=line["xyz"][b], colour=0, quiet=True)
            for line in path["lines"]
        ]
        views.append(
            line_chart(series, title=f"{path['field']} {path['part']}: {'xyz'[a]} and {'xyz'[b]}",
                       x_label=f"{'xyz'[a]} [m]", y_label=f"{'xyz'[b]} [m]", equal=True)
        )  # fmt: skip
    return row_of(*views)


def _trajectory(trajectory: Mapping[str, Any], *, opened: bool) -> Markup:
    seconds = trajectory["seconds"]
    charts = []
    for part in trajectory["parts"]:
        lines = list(part["lines"].items())
        for start in range(0, len(lines), MOST_LINES):
            series = [
                Series(name=name, x=seconds, y=values)
                for name, values in lines[start : start + MOST_LINES]
            ]
            field = part["array"].removeprefix("observation.")
            classes = ", ".join(f"{i} {name}" for i, name in enumerate(part["classes"]))
            charts.append(
                line_chart(series, title=f"{field}: {part['part']}", x_label="seconds",
                           y_label=part["unit"], note=classes)
            )  # fmt: skip
    return folded(f"Episode {trajectory['episode']} over time", row_of(*charts), opened=opened)


def camera_section(facts: Mapping[str, Any]) -> Section | None:
    """Brightness, stalls, repeats, and nearness between splits."""
    if not facts["cameras"]:
        return None
    heads = ["camera", "pixels", "grey mean ± std", "equal to the one before", "hardly changed",
             "in other episodes", "held-out, in training", "held-out frames seen"]  # fmt: skip
    rows = []
    for c in facts["cameras"]:
        near = c["near"]
        rows.append([
            c["camera"], f"{c['width']}x{c['height']}",
            f"{c['grey_mean']:.3f} ± {c['grey_std']:.3f}", percent(c["stalled_share"]),
            percent(c["still_share"]), amount(c["repeated_elsewhere"]),
            amount(c["repeated_across_splits"]),
            percent(near["nearer_than_a_step"]) if near else DASH,
        ])  # fmt: skip
    notes = [
        f"{c['camera']}: a held-out frame's nearest training frame differs by "
        f"{c['near']['nearest_median']:.1f} grey levels (median), two neighbouring frames by "
        f"{c['near']['one_step']:.1f}."
        for c in facts["cameras"]
        if c["near"]
    ]
    return Section(
        title="Cameras",
        body=table(heads, rows) + Markup("").join(paragraph(n, style="note") for n in notes),
        lead="Frames are compared by content. A held-out frame counts as seen if it is nearer to "
        "some training frame than one step of movement is.",
    )


def jaco_section(found: Mapping[str, Any] | None) -> Section | None:
    """The published figures of the real Jaco Play recordings beside the same figures here."""
    if not found:
        return None
    cells = [
        [f"{r['quantity']}, {r['component']}" + (f" [{r['unit']}]" if r["unit"] else ""),
         figure(r["published"]), figure(r["measured"]),
         figure(r["measured"] - r["published"], 2)]
        for r in found["figures"]
    ]  # fmt: skip
    heads = ["", "next to zero", "near a limit", "between"]
    modes = [
        [f"command {m['component']}", *(percent(m[k]) for k in
                                        ("next_to_zero", "near_a_limit", "between"))]
        for m in found["commands"]
    ]  # fmt: skip
    remark = "The real commands have three modes: a spike at 0 and lobes at both limits."
    return Section(
        title="Beside the real Jaco Play",
        body=table(["figure", "published", "here", "difference"], cells)
        + table(heads, modes, caption="Modes of the commands here")
        + paragraph(remark, style="note"),
        lead="Published over all 1,085 real episodes; lengths under 75 steps over the 630 of the "
        "reference subset.",
    )
