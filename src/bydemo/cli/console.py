"""What the terminal shows: tables, progress with the time left, and errors."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table


class OnProgress(Protocol):
    """Called with how much is done, of how much, and a few words on how it goes."""

    def __call__(self, done: int, total: int, detail: str = "") -> None: ...


def output() -> Console:
    """Where results go. Made anew, so that a redirected stdout is honoured."""
    return Console(file=sys.stdout, highlight=False)


def errors() -> Console:
    """Where progress, notes and errors go."""
    return Console(file=sys.stderr, highlight=False, stderr=True)


def say(text: str) -> None:
    """A line of running text; nothing in it is taken for markup."""
    output().print(escape(text), soft_wrap=True)


def complain(text: str) -> None:
    """An error message, on stderr, unwrapped so that paths can be copied."""
    errors().print(f"[bold red]error:[/] {escape(text)}", soft_wrap=True)


def note(text: str) -> None:
    """A remark that is no result, on stderr."""
    errors().print(escape(text), style="dim", soft_wrap=True)


def show_facts(title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Named values, without a head."""
    table = Table(title=escape(title) or None, title_justify="left", title_style="bold",
                  show_header=False)  # fmt: skip
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(escape(name), escape(value))
    output().print(table)


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table of plain texts; the first column never wraps."""
    table = Table(title=escape(title) or None, title_justify="left", title_style="bold")
    for number, name in enumerate(columns):
        table.add_column(escape(name), no_wrap=number == 0, overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    output().print(table)


@contextmanager
def progress(what: str, unit: str = "") -> Iterator[OnProgress]:
    """A bar with count, share, time gone and time left; on stderr, and gone when it is done."""
    console = errors()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[detail]}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,  # or it would leave an empty line in a log
    )
    with bar:
        task = bar.add_task(escape(what), total=None, detail="")

        def update(done: int, total: int, detail: str = "") -> None:
            bar.update(task, completed=done, total=total, detail=escape(detail))

        yield update
