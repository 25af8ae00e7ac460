"""Clone whoever acted in a recording: read it, train on it, let the policy act, report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bydemo.cli.catalogue import recipe_named
from bydemo.cli.console import progress, say
from bydemo.cli.parsing import Positional, parse
from bydemo.cli.verbs.evaluate import show_judged
from bydemo.cli.verbs.record import cores
from bydemo.cli.verbs.report import write


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Clone whoever acted in a recording: read it, train on it, let the policy act, report.

    The same as convert, train, evaluate and report with their usual options; what an interrupted
    call has done is not done again.

    source: a dataset, a recording of any known format, or the id of a local Minari set.
    run: folder for the dataset, the trained policy and the report.
    recipe: what to train; a name from `bydemo list recipes`.
    rollouts: episodes in closed loop, where the recording says in which environment; 0 for none.
    workers: processes that play at the same time.
    """

    source: Positional[Path]
    run: Path = Path("runs/clone")
    recipe: str = "cloning"
    rollouts: int = 100
    workers: int = field(default_factory=cores)


def run(words: Sequence[str]) -> int:
    """Do it all, and say where the page is."""
    given = parse(Arguments, words, verb="clone")
    recipe = recipe_named(given.recipe)
    from bydemo.sim.gl import choose_gl

    choose_gl()
    from bydemo.studies.clone import clone

    with progress("cloning") as update:
        clone(
            given.source, given.run, recipe=recipe, rollouts=given.rollouts,
            workers=given.workers,
            progress=lambda what, done, total: update(done, total, what),
        )  # fmt: skip
    show_judged(given.run)
    page = given.run / "report.html"
    write([given.run], page)
    say(f"{page} opens in any browser. Next: watch the clips in it, or bydemo export {given.run}")
    return 0
