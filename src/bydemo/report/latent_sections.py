"""What a representation holds, without any downstream task: probes, neighbours, time, a map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from bydemo.core.errors import InputError
from bydemo.core.results import read_json
from bydemo.report.convergence_section import convergence_section
from bydemo.report.images import data_uri
from bydemo.report.latent_words import (
    CONSTANT,
    HEADLINE,
    LINEAR,
    NEAREST,
    OTHER,
    probe_clauses,
    targets_of,
)
from bydemo.report.page import Cell, Section, folded, heading, paragraph, row_of, table
from bydemo.report.point_map import Places, label_map, number_map, path_map
from bydemo.report.reading import Run, nested
from bydemo.report.svg import DASH, element, is_number, percent, rounded, sentence, spoken

PROBES = {
    LINEAR: "By a linear map (ridge and logistic regression)",
    NEAREST: "By the nearest neighbours",
}
SECOND = {"number": "rmse", "label": "accuracy"}
OTHER_FIGURES = "root mean square errors and accuracies"
FIGURES = {"r2": "R²", "rmse": "RMSE", "accuracy": "accuracy", "macro_f1": "macro F1"}
SCOPES = {"other_episodes": "other episodes only", "any_episode": "own episode allowed"}


def latent_sections(runs: Sequence[Run]) -> list[Section]:
    """The sections of every run that was judged as a representation, one after the other."""
    out = []
    for run in runs:
        latent = run.block("latent")
        if not latent:
            continue
        found = [convergence_section(run), _probes(latent), _neighbours(latent), _time(latent),
                 _map(run, latent), _pictures(run, latent)]  # fmt: skip
        name = f", {run.name}" if len(runs) > 1 else ""
        out += [Section(title=f"{s.title}{name}", lead=s.lead, body=s.body) for s in found if s]
    return out


def _names(latent: Mapping[str, Any]) -> list[str]:
    return list(nested(latent, "representations"))


def _probes(latent: Mapping[str, Any]) -> Section | None:
    targets = targets_of(latent)
    if not targets:
        return None
    split, episodes = latent.get("split"), latent.get("episodes")
    lead = "Fitted on training episodes, judged on "
    lead += f"{episodes} of the {split} split" if split else f"{episodes} held-out ones"
    lead += (
        ", beside representations that took no learning. What a rival consists of is no contest."
    )
    said = [element("li", text) for text in probe_clauses(latent)]
    body = [element("ul", *said), heading(PROBES[LINEAR]),
            _probe_tables(latent, targets, LINEAR, HEADLINE)]  # fmt: skip
    body.append(folded(PROBES[NEAREST], _probe_tables(latent, targets, NEAREST, HEADLINE)))
    for kind, title in PROBES.items():
        body.append(folded(f"{title}: {OTHER_FIGURES}",
                           _probe_tables(latent, targets, kind, SECOND)))  # fmt: skip
    return Section(title="What can be read off it", lead=lead, body=Markup("").join(body))


def _probe_tables(
    latent: Mapping[str, Any], targets: Sequence[Mapping[str, Any]], kind: str,
    keys: Mapping[str, str],
) -> Markup:  # fmt: skip
    """A table for numbers and one for labels, rows by target; `keys`: the figure of each."""
    out = Markup("")
    for sort, key in keys.items():
        rows = [_probe_row(latent, t, kind, key) for t in targets if t.get("kind") == sort]
        if rows:
            out += table([FIGURES[key], "constant", *map(sentence, _names(latent))], rows)
    return out


def _probe_row(
    latent: Mapping[str, Any], target: Mapping[str, Any], kind: str, key: str
) -> list[Cell]:
    name = sentence(spoken(str(target["target"])))
    unit = str(target.get("unit", "")) if key == "rmse" else ""
    head = element("span", name) + element("span", unit, class_="range")
    row: list[Cell] = [head, _cell(nested(target, CONSTANT, key), key)]
    for who in _names(latent):
        cell = _cell(nested(target, "representations", who, kind, key), key)
        if who in target.get("held_by", []):
            cell += element("span", "consists of it", class_="range")
        elif who != latent.get("judged") and key == HEADLINE[str(target["kind"])]:
            cell += _verdict(nested(target, "differences", who, kind, key))
        row.append(cell)
    return row


def _cell(found: Mapping[str, Any], key: str) -> Markup:
    value, low, high = (found.get(n) for n in ("value", "low", "high"))
    if not is_number(value):
        return element("span", DASH)
    if not (is_number(low) and is_number(high)):
        return element("span", _written(value, None, key))
    half = (high - low) / 2
    spread = f"[{_written(low, half, key)}, {_written(high, half, key)}]"
    return element("span", _written(value, half, key)) + element("span", spread, class_="range")


def _written(value: float, half: float | None, key: str) -> str:
    return percent(value, 1) if key == "accuracy" else rounded(value, half)


def _verdict(gap: Mapping[str, Any]) -> Markup:
    """What the paired difference says of the judged representation, in the rival's cell."""
    words = {"better": "beaten", "worse": "not reached"}
    said = str(gap.get("verdict", ""))
    if not said:
        return Markup("")
    return element("span", words.get(said, "cannot tell"), class_=f"{_style(said)} small")


def _style(verdict: str) -> str:
    return verdict if verdict in ("better", "worse") else "unclear"


def _neighbours(latent: Mapping[str, Any]) -> Section | None:
    block = nested(latent, "neighbours")
    found = [row for row in block.get("purity") or [] if isinstance(row, Mapping)]
    if not found:
        return None
    lead = (
        f"Of a step's {block.get('neighbours')} nearest neighbours, how many carry its own label. "
        "Steps just before and after lie close whatever was learned: the rows without the own "
        "episode are the ones that count."
    )
    rows = []
    for row in sorted(found, key=lambda r: (str(r.get("target")), r.get("scope") != OTHER)):
        p = row.get("p")
        told = "above chance" if is_number(p) and p < 0.05 else "not above chance"
        rows.append([
            sentence(spoken(str(row.get("target", "")))), str(row.get("representation", "")),
            SCOPES.get(str(row.get("scope")), ""), _share(row),
            _share({"value": row.get("chance"), "low": row.get("chance_low"),
                    "high": row.get("chance_high")}),
            _p(p), element("span", told, class_="better" if told == "above chance" else "unclear"),
        ])  # fmt: skip
    heads: list[Cell] = ["", "representation", "neighbours from", "purity", "chance", "p", ""]
    own = nested(block, "own_episode")
    note = (
        "Chance: mean and 95\u00a0% range of labels laid anew over the episodes, with their runs "
        "kept together; p: how often such labels do as well (one-sided)."
    )
    if is_number(own.get("value")) and is_number(own.get("chance")):
        note += (
            f" {percent(own['value'])} of all neighbours lie in the own episode, by chance "
            f"{percent(own['chance'], 1)}."
        )
    body = table(heads, rows, text_columns=3) + paragraph(note, style="note")
    return Section(title="Who lies beside whom", lead=lead, body=body)


def _share(found: Mapping[str, Any]) -> Cell:
    value, low, high = (found.get(n) for n in ("value", "low", "high"))
    if not is_number(value):
        return DASH
    spread = f"[{100 * low:.1f}, {100 * high:.1f}]" if is_number(low) and is_number(high) else ""
    return element("span", percent(value, 1)) + element("span", spread, class_="range")


def _p(p: object) -> str:
    if not is_number(p):
        return DASH
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def _time(latent: Mapping[str, Any]) -> Section | None:
    block = nested(latent, "smoothness")
    names = [n for n in block if isinstance(block[n], Mapping)]
    if not names:
        return None
    titles = {
        "ratio": "step over random pairs of other episodes",
        "own_ratio": "step over random pairs of the own episode",
        "between_episodes": "share of variance between episodes",
    }
    rows: list[list[Cell]] = [
        [sentence(title), *(_cell(nested(block, name, key), key) for name in names)]
        for key, title in titles.items()
    ]
    lags = [row.get("lag") for row in nested(block, names[0]).get("autocorrelation") or []]
    for number, lag in enumerate(lags):
        row: list[Cell] = [f"Correlation {lag} steps later"]
        row += [_cell(nested(block, n)["autocorrelation"][number], "") for n in names]
        rows.append(row)
    lead = "How far a representation moves in one step, and how long it stays alike. A small ratio "
    lead += "alone is no merit: a camera that never moves gives it for nothing."
    return Section(title="How it moves in time", lead=lead,
                   body=table(["", *map(sentence, names)], rows))  # fmt: skip


def _map(run: Run, latent: Mapping[str, Any]) -> Section | None:
    block = nested(latent, "map")
    file = block.get("file")
    if not isinstance(file, str):
        return None
    points = read_json(run.path / file)
    try:
        places = Places(x=points["x"], y=points["y"])
        shown, more = _colourings(points, places)
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise InputError(f"is no map of points: {error}", path=run.path / file) from error
    lead = (
        f"{block.get('steps'):,} steps of {block.get('episodes')} episodes by t-SNE (perplexity "
        f"{block.get('perplexity'):g}, seed {block.get('seed')}), in the colours of what is known "
        "of them. Distances between groups, their sizes and their order mean nothing, and another "
        "seed draws another picture: look here for ideas, and to the tables above for evidence."
    )
    trust = block.get("trustworthiness")
    note = paragraph(
        f"Trustworthiness {trust:.3f}: 1 if all of a point's {block.get('neighbours')} neighbours "
        "on the map are neighbours in the representation.", style="note",
    ) if is_number(trust) else Markup("")  # fmt: skip
    rest = folded("More colours", row_of(*more)) if more else Markup("")
    return Section(title="Map", lead=lead, body=row_of(*shown) + note + rest)


def _colourings(points: Mapping[str, Any], places: Places) -> tuple[list[Markup], list[Markup]]:
    """Small multiples: labels, single numbers and episodes; components of vectors folded away."""
    shown, more = [], []
    for target in points["targets"]:
        title, unit = sentence(spoken(target["name"])), target.get("unit", "")
        values = target["values"]
        if target["classes"]:
            shown.append(label_map(places, values, target["classes"], title=title))
        elif len(values) == 1:
            shown.append(number_map(places, values[0], title=title, unit=unit))
        elif len(values) <= len("xyz") and unit == "m":
            more += [number_map(places, mine, title=f"{title}, {axis}", unit=unit)
                     for axis, mine in zip("xyz", values, strict=False)]  # fmt: skip
    shown.append(path_map(places, points["episode"], title="Episodes", said="episode"))
    return shown, more


def _pictures(run: Run, latent: Mapping[str, Any]) -> Section | None:
    """Strips that were written as PNG files into the run folder."""
    strips = [s for s in latent.get("strips") or [] if isinstance(s, Mapping)]
    drawn = []
    for strip in strips:
        path = run.path / str(strip.get("file"))
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InputError(f"the pictures cannot be read: {error.strerror}", path=path) from error
        title, note = str(strip.get("title", "")), str(strip.get("note", ""))
        image = Markup('<img alt="{}" src="{}">').format(title, data_uri(content, "image/png"))
        drawn += [heading(title), paragraph(note, style="note"),
                  element("div", image, class_="sheet")]  # fmt: skip
    if not drawn:
        return None
    return Section(title="What it keeps, in pictures", body=Markup("").join(drawn))
