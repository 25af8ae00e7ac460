"""Train a recipe on a dataset; every field of the experiment is an option."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bydemo.cli.catalogue import recipe_named, recipes
from bydemo.cli.console import note, progress, say, show_facts
from bydemo.cli.parsing import Positional, parse, parse_with
from bydemo.core.errors import InputError

if TYPE_CHECKING:
    from bydemo.core.fields import Spec
    from bydemo.training.loop import TrainingResult, Update


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Train a recipe on a dataset.

    recipe: a name from `bydemo list recipes`; all that it decides shows, and can be changed, with
    `bydemo train RECIPE --help`.
    dataset: folder of the dataset, as `record` or `convert` wrote it.
    run: folder for checkpoints, figures and the trained model; runs/<recipe> unless given.
    resume: go on from the newest checkpoint of the run folder.
    checkpoint: go on from this one instead, e.g. epoch-0003; later ones are removed.
    track: send figures elsewhere too: tensorboard, wandb (offline), wandb-online.
    """

    recipe: Positional[str]
    dataset: Positional[Path]
    run: Path | None = None
    resume: bool = False
    checkpoint: str | None = None
    track: tuple[str, ...] = ()


def run(words: Sequence[str]) -> int:
    """Find the recipe and the dataset, parse what is changed, train."""
    if not words or words[0].startswith("-"):
        parse(Arguments, words, verb="train")  # help, or what is missing
        raise InputError(f"comes first, one of {', '.join(recipes())}", field="recipe")
    recipe = recipe_named(words[0])
    path = Path(words[1]) if len(words) > 1 and not words[1].startswith("-") else None
    from bydemo.studies.recipes import load

    experiment = load(recipe)[1](_spec(path))
    given, experiment = parse_with(
        Arguments, experiment, words, verb=f"train {words[0]}", about=recipes()[recipe]
    )
    from bydemo.data.source import Dataset
    from bydemo.studies.run import train_run

    folder = given.run or Path("runs") / recipe.partition(".")[2]
    dataset = Dataset.open(given.dataset)
    try:
        with progress(f"training {recipe}", "steps") as update:
            result = train_run(
                experiment, dataset, folder, recipe=recipe,
                resume=given.checkpoint or given.resume,
                trackers=given.track, on_update=lambda now: update(now.step, now.steps, _how(now)),
            )  # fmt: skip
    except SystemExit:
        _say_how_to_go_on(folder, words, given.resume)
        raise
    _show(folder, result)
    say(f"Next: bydemo evaluate {folder}")
    return 0


def _say_how_to_go_on(folder: Path, words: Sequence[str], resumed: bool) -> None:
    if not any((folder / "checkpoints").glob("*")):
        note("Stopped before anything was saved.")
        return
    again = [*words, *([] if resumed else ["--resume"])]
    if "--checkpoint" in again:  # it would go back there once more
        at = again.index("--checkpoint")
        again[at : at + 2] = []
    note(f"Stopped and saved. Go on with: {shlex.join(['bydemo', 'train', *again])}")


def _spec(path: Path | None) -> Spec:
    """The dataset's fields, or those of Jaco Play for help without a dataset."""
    if path is None:
        from bydemo.core.jaco_play import jaco_play_spec

        return jaco_play_spec()
    from bydemo.data.source import Dataset

    return Dataset.open(path).spec


def _how(now: Update) -> str:
    held_out = "" if now.validation is None else f", validation {now.validation:.4g}"
    return (
        f"epoch {now.epoch}/{now.epochs}, loss {now.loss:.4g}{held_out}, "
        f"{now.samples_per_second:.0f} samples/s"
    )


def _show(folder: Path, result: TrainingResult) -> None:
    show_facts(str(folder), [
        ("parameters", f"{result.parameters:,}"),
        ("ended", f"{result.stopped} after {result.epochs} epochs, {result.steps:,} steps"),
        ("chosen", f"{result.chosen_step:,} steps{_of_loss(result)}"),
        ("took", f"{result.seconds:.0f} s, {result.samples_per_second:.0f} samples/s"),
        ("peak memory", f"{result.peak_memory_mb:.0f} MB"),
    ])  # fmt: skip


def _of_loss(result: TrainingResult) -> str:
    known = (("validation", result.loss), ("training", result.training_loss))
    return "".join(f", {name} loss {loss:.4g}" for name, loss in known if loss is not None)
