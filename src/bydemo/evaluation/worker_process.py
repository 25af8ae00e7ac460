"""One worker process: a task on a stage of its own, asked for one episode after the other."""

from __future__ import annotations

import multiprocessing
import signal
import threading
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from multiprocessing.connection import Connection
from typing import Any, Literal, Protocol

from bydemo.core import errors
from bydemo.core.actor import Actor
from bydemo.core.episode import Episode
from bydemo.core.errors import BydemoError, InputError, SimulationError
from bydemo.core.fields import Spec
from bydemo.core.threads import one_thread_each
from bydemo.evaluation.actors import ActorFactory
from bydemo.evaluation.rollout import Rollout, rollout
from bydemo.sim.task import Task

KILLED = "worker killed"
HUNG = "worker hung"
START_LIMIT = 180.0
"""[s] for a process to import, compile its model and open GL."""


class TaskConfig(Protocol):
    """The frozen `Config` dataclass of a task: importable, picklable."""

    def build(self) -> Task:
        """The environment."""
        ...


def task_name(config: TaskConfig) -> str:
    """The public name of a task: the name of the file that its configuration is defined in."""
    return type(config).__module__.rsplit(".", 1)[-1]


@dataclass(frozen=True, kw_only=True)
class TaskFacts:
    """What the parent must know of a task without building it."""

    spec: Spec
    max_steps: int
    rendering: Mapping[str, Any] | None
    judged_by: Literal["success", "return"] = "success"

    @classmethod
    def of(cls, task: Task) -> TaskFacts:
        """`rendering` is the task's camera and rendering profile, if it has one."""
        return cls(spec=task.data_spec, max_steps=task.max_steps,
                   judged_by=task.judged_by,
                   rendering=getattr(task, "rendering", None))  # fmt: skip


class Stage:
    """A task and the actors that were built for it; rebuilt after a crash."""

    def __init__(self, config: TaskConfig) -> None:
        self._config = config
        self._task: Task | None = None
        self._actors: dict[ActorFactory, Actor] = {}

    def facts(self) -> TaskFacts:
        """Builds the task if there is none."""
        return TaskFacts.of(self._ready())

    def play(self, factory: ActorFactory, seed: int, keep: bool, film: bool = False) -> Rollout:
        """One episode; whatever fails in it is in the result, what cannot be built raises."""
        task = self._ready()
        if factory not in self._actors:
            self._actors[factory] = factory.build(task)
        result = rollout(task, self._actors[factory], seed, keep=keep, film=film)
        if result.crashed:
            self.close()
        return result

    def close(self) -> None:
        """Frees the task; the next episode builds it anew."""
        task, self._task = self._task, None
        self._actors.clear()
        if task is not None:
            task.close()

    def _ready(self) -> Task:
        if self._task is None:
            self._task = self._config.build()
        return self._task


@dataclass(frozen=True)
class _Failure:
    """Something that could not be built in a worker, as text: exceptions may not survive pickling.
    """  # fmt: skip

    kind: str
    message: str
    trace: str

    def raise_again(self) -> None:
        """As the same kind of user error, or as a bug with the worker's traceback."""
        known = getattr(errors, self.kind, None)
        if isinstance(known, type) and issubclass(known, BydemoError):
            raise (known if known is not errors.UnknownNameError else InputError)(self.message)
        raise RuntimeError(f"a worker failed:\n{self.trace}")


def _pack(result: Rollout) -> tuple[Rollout, dict[str, Any] | None]:
    """An episode's read-only mappings do not pickle; plain dictionaries do."""
    episode = result.episode
    if episode is None:
        return result, None
    content = {f.name: getattr(episode, f.name) for f in fields(episode)}
    plain = {n: dict(v) if isinstance(v, Mapping) else v for n, v in content.items()}
    return replace(result, episode=None), plain


def _unpack(packed: tuple[Rollout, dict[str, Any] | None]) -> Rollout:
    result, content = packed
    return result if content is None else replace(result, episode=Episode(**content))


def _serve(connection: Connection, config: TaskConfig) -> None:
    """The life of a worker process: greet, then one answer for each question."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
    stage = Stage(config)
    question: Any = None
    while True:
        try:
            answer = stage.facts() if question is None else _pack(stage.play(*question))
        except Exception as error:
            connection.send(_Failure(type(error).__name__, str(error), traceback.format_exc()))
            return
        try:
            connection.send(answer)
            question = connection.recv()
        except (EOFError, OSError):
            return  # the parent is gone


class Worker:
    """The parent's side of one process; a dead one is started again when next asked."""

    def __init__(self, config: TaskConfig, starting: threading.Lock) -> None:
        self._config, self._starting = config, starting
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None
        self._greeted = False
        self._dismissed = False

    def start(self) -> None:
        """Spawn the process; it builds its task while others go on."""
        if self._dismissed:
            raise SimulationError("the pool of workers is closed")
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        with self._starting, one_thread_each():
            process = context.Process(target=_serve, args=(theirs, self._config), daemon=True)
            process.start()
        theirs.close()
        self._process, self._connection, self._greeted = process, ours, False

    def greet(self) -> TaskFacts:
        """Wait until the task is built."""
        if self._process is None:
            self.start()
        answer = self._receive(START_LIMIT)
        if isinstance(answer, str):
            raise SimulationError(f"a worker process could not start its task: {answer}")
        self._greeted = True
        facts: TaskFacts = answer
        return facts

    def play(
        self, factory: ActorFactory, seed: int, keep: bool, limit: float, *, film: bool = False
    ) -> Rollout:
        """One episode, ended by force when it takes longer than `limit` seconds."""
        if not self._greeted:
            self.greet()
        assert self._connection is not None
        with suppress(OSError):  # it died while idle: the receiver finds out
            self._connection.send((factory, seed, keep, film))
        answer = self._receive(limit)
        if isinstance(answer, str):
            reason = HUNG if answer.startswith("no answer") else KILLED
            return Rollout(seed=seed, success=False, reason=reason, steps=0, detail=answer,
                           crashed=True)  # fmt: skip
        return _unpack(answer)

    def dismiss(self) -> None:
        """End the process at once and for good; whoever waits for its answer gets none."""
        self._dismissed = True
        process = self._process
        if process is not None:
            process.kill()
            process.join(5)

    def _receive(self, limit: float) -> Any:
        """The answer, or in words why there is none."""
        assert self._process is not None
        assert self._connection is not None
        overdue = threading.Event()

        process = self._process

        def end() -> None:
            overdue.set()
            process.kill()

        timer = threading.Timer(limit, end)
        timer.daemon = True
        timer.start()
        try:
            answer = self._connection.recv()
        except (EOFError, OSError):
            answer = self._autopsy(f"no answer within {limit:g} s" if overdue.is_set() else "")
        finally:
            timer.cancel()
        if isinstance(answer, _Failure):
            self._autopsy("")
            answer.raise_again()
        return answer

    def _autopsy(self, known: str) -> str:
        """Bury the process and say why it died; the next question starts another."""
        assert self._process is not None
        self._process.join(1)
        self._process.kill()
        self._process.join(5)
        code = self._process.exitcode
        self._process, self._greeted = None, False
        if self._connection is not None:
            self._connection.close()
        if known:
            return known
        return f"ended by signal {-code}" if code is not None and code < 0 else f"exit code {code}"
