"""Write a trained policy as one file that other programs run: ONNX, or a plain state dict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bydemo.cli.catalogue import exports
from bydemo.cli.console import say
from bydemo.cli.parsing import Positional, parse, parse_with
from bydemo.core.errors import UnknownNameError


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Write a trained policy as one file that other programs run.

    run: folder that `train` wrote, or a model folder.
    format: onnx, state-dict or another name from `bydemo list exports`; its own options show with
    `bydemo export RUN --format NAME --help`.
    to: file to write; `exports/policy.onnx` or the like in the run folder unless given.
    """

    run: Positional[Path]
    format: str
    to: Path | None = None


def run(words: Sequence[str]) -> int:
    """Find the format, parse its own options, write the file."""
    name = _format(words)
    if name is None:
        parse(Arguments, words, verb="export")  # help, or what is missing
        return 0
    known = exports()
    public = name.replace("_", "-")
    if public not in known:
        raise UnknownNameError("export format", name, known)
    from bydemo.exports import export_config, write

    given, config = parse_with(
        Arguments, export_config(public), words, verb=f"export --format {public}",
        about=known[public],
    )  # fmt: skip
    file, checked = write(given.run, config, given.to)
    say(f"{file} ({file.stat().st_size / 1e6:.2f} MB) holds the policy of {given.run}.")
    say(checked)
    return 0


def _format(words: Sequence[str]) -> str | None:
    """What follows --format, before the words are parsed."""
    for number, word in enumerate(words):
        option, sign, value = word.partition("=")
        if option == "--format" and (sign or number + 1 < len(words)):
            named = value if sign else words[number + 1]
            return None if named.startswith("-") else named
    return None
