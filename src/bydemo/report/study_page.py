"""The page of a study: what was asked, what came out, and a page for each run behind it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from markupsafe import Markup

from bydemo.report.page import (
    Findings,
    Home,
    Section,
    Tile,
    code_block,
    heading,
    key_values,
    render_page,
    table,
    write_page,
)
from bydemo.report.reading import Run, read_run
from bydemo.report.run_report import report_html
from bydemo.report.study_chapters import chapters_of, told_beside
from bydemo.report.study_reading import PAGE, RESULTS, Study, read_study, relative
from bydemo.report.study_tables import arms_section, data_section, failures_section
from bydemo.report.study_verdicts import headline, question_verdict, ranking_verdict
from bydemo.report.svg import figure, is_number


def write_study_page(folder: Path, destination: Path) -> Path:
    """Write the page of the study in `folder`, and of each of its finished runs the page
    `report.html` inside the run; returns `destination`.

    InputError names a file or field that is missing or malformed.
    """
    study = read_study(folder, destination)
    runs = finished_runs(study)
    html = study_html(study, runs)
    for run in runs.values():
        page = run.path / PAGE
        home = Home(title=study.title, address=relative(destination, page))
        write_page(page, report_html([run], home=home))
    return write_page(destination, html)


def study_html(study: Study, runs: Mapping[str, Run]) -> str:
    """The page as text; `runs`: a run's folder inside the study -> the run."""
    pages = {folder: study.address(run.path / PAGE) for folder, run in runs.items()}
    chapters, findings = chapters_of(study, runs)
    beside = told_beside(study, runs)
    if chapters and beside.lines:
        findings.append(Findings(title="Beside the chapters", lines=beside.lines))
    sections: list[Section | None] = [
        *beside.sections,
        failures_section(study),
        arms_section(study, pages),
        data_section(study),
        reproduction_section(study),
    ]
    return render_page(
        title=study.title,
        subtitle=str(study.data.get("about") or ""),
        verdict=_verdict(study),
        findings=findings,
        chapters=chapters,
        tiles=_tiles(study),
        sections=[section for section in sections if section is not None],
        footer="Written by bydemo from the study's own files; nothing on this page is fetched "
        "from elsewhere. Intervals are at the 95\u00a0% level.",
    )


def finished_runs(study: Study) -> dict[str, Run]:
    """Folder inside the study -> the run, of every arm's and every trial's finished runs that
    have results."""
    out: dict[str, Run] = {}
    for arm in study.rows("arms"):
        label = study.label(str(arm.get("name")))
        for run in arm.get("runs") or []:
            if run.get("state") == "finished":
                seed = run.get("seed")
                own = label if seed is None else f"{label}, seed {seed}"
                _add(study, out, str(run.get("folder") or ""), own)
    for search in study.rows("searches"):
        for trial in search.get("trials") or []:
            named = f"{search.get('title') or 'Search'}, trial {trial.get('number')}"
            place = str(trial.get("folder") or "")
            if trial.get("state") == "finished" and place:
                for child in sorted(study.inside(place).glob("seed-*")):
                    seed_name = child.name.replace("seed-", "seed ")
                    _add(study, out, f"{place}/{child.name}", f"{named}, {seed_name}")
    return out


def _add(study: Study, out: dict[str, Run], folder: str, name: str) -> None:
    path = study.inside(folder)
    if (path / RESULTS).is_file():
        out[folder] = replace(read_run(path), name=name)


def _verdict(study: Study) -> list[str]:
    jobs = study.block("jobs")
    said = []
    if not study.data.get("complete", True):
        said.append(
            f"Not finished: {jobs.get('finished', '?')} of {jobs.get('total', '?')} jobs are done"
            f" and {jobs.get('failed', 0)} failed. What follows holds for what is there."
        )
    if study.rows("chapters"):
        return [*said, headline(study)]
    said += [question_verdict(study, question) for question in study.rows("questions")]
    said += [ranking_verdict(study, ranking) for ranking in study.rows("rankings")]
    return [text for text in said if text] or ["This study asks no question."]


def _tiles(study: Study) -> list[Tile]:
    jobs, cost = study.block("jobs"), study.block("cost")
    tiles = [
        Tile(name="Jobs", value=f"{jobs.get('finished', '?')} of {jobs.get('total', '?')}",
             note=f"finished; {jobs.get('failed', 0)} failed"),
        Tile(name="Arms", value=str(len(study.rows("arms"))), note=_seeds(study)),
    ]  # fmt: skip
    wall, cpu = cost.get("wall_minutes"), cost.get("cpu_hours")
    if is_number(wall):
        workers = cost.get("workers")
        note = f"{max(workers, 1)} at a time" if is_number(workers) else ""
        tiles.append(
            Tile(name="Wall time", value=f"{figure(wall, 3 if wall >= 1 else 2)} min", note=note)
        )
    if is_number(cpu):
        tiles.append(Tile(name="CPU time", value=f"{figure(cpu, 2)} h", note="all runs together"))
    return tiles


def _seeds(study: Study) -> str:
    counts = {len(arm.get("seeds") or []) for arm in study.rows("arms")} - {0}
    if not counts:
        return "none is trained"
    low, high = min(counts), max(counts)
    many = str(low) if low == high else f"{low} to {high}"
    return f"{many} training seed{'' if high == 1 else 's'} each"


def reproduction_section(study: Study) -> Section:
    """Command, options, versions, machine and the fingerprints of the data."""
    made = study.block("made")
    command = made.get("command")
    text = shlex.join(map(str, command)) if isinstance(command, list) else str(command or "")
    parts = [code_block(text)] if text else []
    options, machine = _plain(study.block("options")), _plain(made.get("machine"))
    if options:
        parts.append(heading("Options") + key_values(options))
    prints = [
        [name, str(data.get("fingerprint") or "")]
        for name, data in study.block("datasets").items()
        if isinstance(data, Mapping)
    ]
    if prints:
        shown = table(["dataset", "fingerprint"], prints, text_columns=2)
        parts.append(heading("Fingerprints of the data") + shown)
    if machine:
        parts.append(heading("Machine") + key_values(machine))
    versions = _plain(made.get("versions"))
    if versions:
        parts.append(heading("Versions") + key_values(versions))
    return Section(title="Reproduce it", body=Markup("").join(parts))


def _plain(found: Any) -> list[tuple[str, str]]:
    if isinstance(found, Mapping):
        return [(str(name), _text(value)) for name, value in found.items()]
    return [("", str(found))] if found else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
