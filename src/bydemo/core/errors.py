"""Errors that a user can act on: each names the file or value, the field, and what was expected.

The command line prints any `BydemoError` as one message, without a traceback, and exits with 2.
Everything else that escapes is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


class BydemoError(Exception):
    """The root of every error that the user, not the programmer, can put right."""


class InputError(BydemoError):
    """A file, field or value given by the user is missing, damaged or not what was expected."""

    def __init__(
        self, problem: str, *, path: Path | str | None = None, field: str | None = None
    ) -> None:
        self.problem, self.path, self.field = problem, path, field
        where = [str(path)] if path is not None else []
        where += [f"field '{field}'"] if field is not None else []
        super().__init__(f"{', '.join(where)}: {problem}" if where else problem)


class ExpertError(InputError):
    """A demonstrator that cannot be used: there is none, or it says what is no action.

    Where another breakdown costs one episode, this ends the whole recording or evaluation.
    """


class UnknownNameError(BydemoError):
    """A name that no registered leaf has; the message lists near names and all valid ones."""

    def __init__(self, kind: str, name: str, choices: Iterable[str]) -> None:
        self.kind, self.name, self.choices = kind, name, sorted(choices)
        near = difflib.get_close_matches(name, self.choices, n=3, cutoff=0.5)
        hint = f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
        listed = ", ".join(self.choices) or "none"
        super().__init__(f"there is no {kind} named '{name}'.{hint} Valid: {listed}")


@contextmanager
def naming(path: Path | str) -> Iterator[None]:
    """What is wrong with a value inside was read from `path`, and the error says so."""
    try:
        yield
    except InputError as error:
        if error.path is not None:
            raise
        raise InputError(error.problem, path=path, field=error.field) from error
    except UnknownNameError as error:
        raise InputError(str(error), path=path) from error


class MismatchError(BydemoError):
    """Two things that must speak the same `Spec` do not; the message lists every difference."""


class StorageError(BydemoError):
    """The disk is full, a file is locked, or something could not be written completely."""


class CheckpointError(BydemoError):
    """A checkpoint is missing, incomplete or fails its checksum."""


class SimulationError(BydemoError):
    """The simulator cannot run here (no GL, missing model), or broke down."""


class TrainingError(BydemoError):
    """Training had to stop: the loss is not finite, or the resumed run does not match."""
