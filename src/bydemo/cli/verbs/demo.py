"""See it all in ten minutes on a simulated Jaco arm, from recording to report."""

from __future__ import annotations

import importlib
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bydemo.cli.catalogue import VERBS
from bydemo.cli.console import output, say
from bydemo.cli.parsing import parse

SKILL = (
    "--template", "pick", "--objects", "apple fruit", "milk dairy", "green cup", "yellow cup",
    "--object-count", "2", "3", "--randomisation.drift", "0.025",
)  # fmt: skip
"""Few enough objects that a few minutes of training show what there is to learn."""


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """See it all in ten minutes: record, inspect, train, evaluate and report on a simulated Jaco.

    It runs the other commands one after the other and prints each. A demo that was interrupted
    goes on where it stopped.

    folder: where everything is written.
    episodes: demonstrations to record [episodes].
    minutes: training stops after so long [min].
    rollouts: episodes of the trained policy in closed loop [episodes].
    recipe: what to train.
    """

    folder: Path = Path("demo")
    episodes: int = 200
    minutes: float = 4.5
    rollouts: int = 40
    recipe: str = "demo"


def run(words: Sequence[str]) -> int:
    """Run each command as the user would, and say how long it took."""
    given = parse(Arguments, words, verb="demo")
    began = time.monotonic()
    for step in commands(given):
        output().print(f"\n[bold cyan]$ bydemo {shlex.join(step)}[/]", soft_wrap=True)
        code = _as_typed(step)
        if code:
            return code
    say(f"\nDone in {(time.monotonic() - began) / 60:.1f} min. Open this page in a browser:")
    output().print(f"[bold]{(given.folder / 'run' / 'report.html').resolve()}[/]", soft_wrap=True)
    return 0


def commands(given: Arguments) -> Iterator[list[str]]:
    """The words of each command that is still to be run."""
    data, trained = given.folder / "dataset", given.folder / "run"
    if not (data / "inspection.html").exists():
        again = ["--resume"] if data.exists() else []
        yield ["record", "jaco_pick_place", str(data), *SKILL,
               "--episodes", str(given.episodes), *again]  # fmt: skip
        yield ["inspect", str(data)]
    if not (trained / "results.json").exists():
        again = ["--resume"] if (trained / "config.json").exists() else []
        yield ["train", given.recipe, str(data), "--run", str(trained),
               "--training.minutes", f"{given.minutes:g}", *again]  # fmt: skip
    yield ["evaluate", str(trained), "--rollouts", str(given.rollouts)]
    yield ["report", str(trained)]


def _as_typed(step: list[str]) -> int:
    """Run one command; the files that it writes name it, not the demo, as what made them."""
    before = sys.argv
    sys.argv = [before[0], *step]
    try:
        return int(importlib.import_module(f"{VERBS}.{step[0]}").run(step[1:]))
    finally:
        sys.argv = before
