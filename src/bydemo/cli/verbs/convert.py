"""Convert recordings of another format into a dataset, or a dataset back (--write)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bydemo.cli.catalogue import FORMATS, formats
from bydemo.cli.console import progress, say
from bydemo.cli.datasets import show_dataset
from bydemo.cli.parsing import Positional, parse, parse_with, subject
from bydemo.core.config import load_leaf
from bydemo.core.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Convert recordings of another format into a dataset.

    format: jaco_play or another name from `bydemo list formats`; its own options show with
    `bydemo convert FORMAT --help`.
    source: file or folder to read.
    dataset: folder to write; it must not exist yet.
    write: the other way round: SOURCE is a dataset, DATASET the folder to write in this format.
    """

    format: Positional[str]
    source: Positional[Path]
    dataset: Positional[Path]
    write: bool = False


def run(words: Sequence[str]) -> int:
    """Find the format, parse its own options, convert."""
    name = subject(words, "format", formats())
    if name is None:
        parse(Arguments, words, verb="convert")  # help, or what is missing
        raise InputError(f"comes first, one of {', '.join(formats())}", field="format")
    options = load_leaf(FORMATS, "format", name).Config()
    about = formats()[name]
    given, config = parse_with(Arguments, options, words, verb=f"convert {name}", about=about)
    if given.write:
        return _write(given, config)
    with progress(f"converting {given.source.name}", "episodes") as update:
        config.convert(given.source, given.dataset, update)
    show_dataset(given.dataset)
    say(f"Next: bydemo inspect {given.dataset}")
    return 0


def _write(given: Arguments, config: Any) -> int:
    from bydemo.data.source import Dataset

    if not hasattr(config, "write"):
        writing = [n for n in formats() if hasattr(load_leaf(FORMATS, "format", n).Config, "write")]
        raise InputError(
            f"'{given.format}' can only be read; these can be written: {', '.join(writing)}",
            field="format",
        )
    config.write(Dataset.open(given.source), given.dataset)
    say(f"{given.dataset} holds {given.source} as {given.format}.")
    return 0
