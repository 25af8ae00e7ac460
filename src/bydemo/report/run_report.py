"""The report of one run, or of several side by side: result files in, one HTML file out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bydemo.report.dagger_section import dagger_section
from bydemo.report.latent_sections import latent_sections
from bydemo.report.measures import measures_in
from bydemo.report.offline_sections import offline_sections
from bydemo.report.page import Home, Section, Tile, render_page, write_page
from bydemo.report.rates import bounds
from bydemo.report.reading import POLICY, Run, nested, read_runs
from bydemo.report.reproduction_sections import reproduction_section
from bydemo.report.returns import judged_by_return, return_tiles
from bydemo.report.rollout_sections import clips_section, rollout_section
from bydemo.report.slice_sections import slices_section
from bydemo.report.standing import main_split
from bydemo.report.svg import percent, sentence, spoken
from bydemo.report.training_sections import curves_section, training_section
from bydemo.report.verdict import Comparisons, verdict_of

MOST_TILES = 6


def write_report(
    folders: Sequence[Path], destination: Path, *, comparisons: Comparisons = ()
) -> Path:
    """Read the run folders and write one self-contained page; returns `destination`.

    `comparisons` are the first run's paired differences to each other one, in their order.
    InputError names a folder, file or field that is missing; nothing is written then.
    """
    return write_page(destination, report_html(read_runs(folders), comparisons))


def report_html(
    runs: Sequence[Run], comparisons: Comparisons = (), *, home: Home | None = None
) -> str:
    """The page as text; `home` is a page above it to link to."""
    names = [run.name for run in runs]
    sections: list[Section | None] = [
        rollout_section(runs),
        clips_section(runs),
        *offline_sections(runs),
        slices_section(runs),
        dagger_section(runs),
        *latent_sections(runs),
        training_section(runs),
        curves_section(runs),
        reproduction_section(runs),
    ]
    return render_page(
        title=names[0] if len(runs) == 1 else f"{names[0]} beside {', '.join(names[1:])}",
        subtitle=_subtitle(runs),
        verdict=verdict_of(runs, comparisons),
        tiles=_tiles(runs[0]) if len(runs) == 1 else [],
        sections=[section for section in sections if section is not None],
        footer="Written by bydemo from the run's own files; nothing on this page is fetched "
        "from elsewhere. Intervals are at the 95\u00a0% level.",
        home=home,
    )


def _subtitle(runs: Sequence[Run]) -> str:
    if len(runs) > 1:
        return f"{len(runs)} runs side by side"
    if not runs[0].trained:
        return "an actor that was not trained"
    recipe = runs[0].results.get("recipe") or runs[0].config.get("recipe")
    data = runs[0].block("dataset").get("path")
    learned = f"recipe {recipe}" if recipe else "a run"
    return f"{learned}, learned from {Path(str(data)).name}" if data else learned


def _tiles(run: Run) -> list[Tile]:
    tiles = []
    for label in run.tasks:
        block = run.block("rollouts", label)
        if judged_by_return(block):
            tiles += return_tiles(label, block)
        n, successes, found = block.get("n"), block.get("successes"), bounds(block)
        if isinstance(n, int) and isinstance(successes, int) and n and found:
            note = f"{successes} of {n}; {100 * found[0]:.0f} to {percent(found[1])}"
            what = "success" if judged_by_return(block) else "closed loop"
            name = f"{sentence(spoken(label))}, {what}"
            tiles.append(Tile(name=name, value=percent(successes / n), note=note))
    split = main_split(run)
    if split is not None:
        block = nested(run.candidates(split), POLICY)
        for kind in measures_in([block]):
            known = run.figure(split, POLICY, kind.key)
            if kind.in_headline and known is not None:
                note = kind.write_range(known).strip("[]").replace(", ", " to ")
                tiles.append(Tile(name=kind.heading, value=kind.write(known.value), note=note))
    return tiles[:MOST_TILES]
