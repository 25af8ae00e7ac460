"""One worker process of a study: it imports once, then does one job after the other.

A thread of it reads the pipe. When the parent is gone, however it ended, the pipe ends and so does
the process, at once: nothing is left running behind.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Protocol

from bydemo.core.threads import one_thread_each

TALK = 0.5
"""[s] between two reports of progress."""


class Assignment(Protocol):
    """What a worker can be given: picklable."""

    @property
    def key(self) -> str:
        """Its name, unique in the study."""
        ...

    @property
    def needs(self) -> str | None:
        """The key of a task that must be done before."""
        ...

    def carry_out(self, tell: Callable[[str, int, int], None]) -> None:
        """Do it; an exception is its failure."""
        ...


@dataclass(frozen=True)
class Progress:
    """How far the present task is."""

    what: str
    done: int
    total: int


@dataclass(frozen=True)
class Finished:
    """The present task is done; `reason` says why it failed, None if it did not; `trace` is where,
    if the failure is a bug rather than something that the user can put right."""

    reason: str | None = None
    trace: str = ""


def serve(connection: Connection) -> None:
    """The life of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
    tasks: queue.SimpleQueue[Assignment] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, tasks), daemon=True).start()
    while True:
        task = tasks.get()
        with suppress(OSError), contextlib.redirect_stdout(sys.stderr):
            connection.send(attempt(task, _telling(connection)))


def attempt(task: Assignment, tell: Callable[[str, int, int], None]) -> Finished:
    """Do the task in this process."""
    from bydemo.core.errors import BydemoError

    try:
        with one_torch_thread():
            task.carry_out(tell)
    except BydemoError as error:
        return Finished(str(error))
    except Exception as error:
        return Finished(f"{type(error).__name__}: {error}", traceback.format_exc())
    return Finished()


def _listen(connection: Connection, tasks: queue.SimpleQueue[Assignment]) -> None:
    try:
        while True:
            tasks.put(connection.recv())
    except (EOFError, OSError):
        os._exit(1)


def _telling(connection: Connection) -> Callable[[str, int, int], None]:
    last = 0.0

    def tell(what: str, done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= TALK:
            last = now
            with suppress(OSError):
                connection.send(Progress(what, done, total))

    return tell


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """The number of threads changes sums in their last bits, and so a training in the end."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class WorkerProcess:
    """The parent's side; the process is spawned when it is first given something to do."""

    def __init__(self) -> None:
        self.task: Assignment | None = None
        self.attempts = 0
        self.since = 0.0
        self.progress: Progress | None = None
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None

    @property
    def connection(self) -> Connection:
        """Readable when the process has something to say, or has died."""
        assert self._connection is not None, "give it a task first"
        return self._connection

    def give(self, task: Assignment, attempts: int) -> None:
        """Begin a task."""
        self.task, self.attempts, self.progress = task, attempts, None
        self.since = time.monotonic()
        if self._process is None:
            self._start()
        with suppress(OSError):  # it died while idle: whoever listens finds out
            self.connection.send(task)

    def listen(self) -> Finished | Progress | str:
        """What it says; a text says how it died, and the next task starts another."""
        try:
            said: Any = self.connection.recv()
        except (EOFError, OSError):
            return self._autopsy()
        if isinstance(said, Progress):
            self.progress = said
        assert isinstance(said, (Finished, Progress))
        return said

    def free(self) -> Assignment:
        """Take back the task that it had."""
        task, self.task, self.progress = self.task, None, None
        assert task is not None
        return task

    def ask_to_end(self) -> None:
        """A training that is under way saves a checkpoint first."""
        if self._process is not None:
            self._process.terminate()

    def end(self, patience: float) -> None:
        """End the process, by force if it takes longer than `patience` seconds."""
        process, self._process = self._process, None
        if process is None:
            return
        process.join(max(patience, 0.0))
        if process.is_alive():
            process.kill()
            process.join(5)
        self.connection.close()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        with one_thread_each():
            # A daemon: it ends with this process even if nobody comes to end it.
            process = context.Process(target=serve, args=(theirs,), daemon=True)
            process.start()
        theirs.close()
        self._process = process

    def _autopsy(self) -> str:
        process, self._process = self._process, None
        assert process is not None
        process.join(1)
        process.kill()
        process.join(5)
        self.connection.close()
        code = process.exitcode
        dead = f"by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"
        return f"its process ended {dead}"
