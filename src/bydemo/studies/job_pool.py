"""Tasks on several processes: in the plan's order, each after the one that it needs.

A task whose process dies is tried once more; then, or when it fails by itself, it counts as failed
with its reason, what needs it as well, and the others go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import Any

from bydemo.core.errors import InputError
from bydemo.studies.job_process import Assignment, Finished, Progress, WorkerProcess, attempt

ATTEMPTS = 2
PARTING = 10.0
"""[s] that trainings under way are given to save a checkpoint when the study is interrupted."""
_ROUND = 0.5
"""[s] between two looks at the clock."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a study stands. running: task -> what it does; left: seconds still to go, None while
    nothing is known; news: a line on what just ended, or nothing."""

    done: int
    total: int
    running: Mapping[str, str]
    left: float | None
    news: str = ""


OnStanding = Callable[[Standing], None]


@dataclass(kw_only=True)
class Schedule:
    """Which tasks are waiting, done and failed, and how long each is thought to take.

    group: tasks of one group take about as long as each other. seconds: known durations of tasks
    that were done before, group -> their times.
    """

    waiting: list[Assignment]
    group: Callable[[Assignment], str]
    seconds: dict[str, list[float]] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)

    def next(self) -> Assignment | None:
        """The first task that can begin; what needs a failed one is failed on the way."""
        for task in list(self.waiting):
            if task.needs in self.failed:
                self.waiting.remove(task)
                self.failed[task.key] = f"it needs {task.needs}, which failed"
                return self.next()
            if task.needs is None or task.needs in self.done:
                self.waiting.remove(task)
                return task
        return None

    def end(self, task: Assignment, seconds: float, how: Finished) -> str:
        """Note the end of a task; what to tell of it."""
        if how.reason is None:
            self.done.add(task.key)
            self.seconds.setdefault(self.group(task), []).append(seconds)
            return f"{task.key} finished in {seconds:.0f} s"
        self.failed[task.key] = how.reason
        return f"{task.key} failed: {how.reason}\n{how.trace}".rstrip()

    def expected(self, task: Assignment) -> float | None:
        """Seconds: the mean of its group, else of all, else unknown."""
        known = self.seconds.get(self.group(task)) or [s for t in self.seconds.values() for s in t]
        return sum(known) / len(known) if known else None


class JobPool:
    """`workers` processes; with 0 of them everything is done in this one."""

    def __init__(self, workers: int) -> None:
        if workers < 0:
            raise InputError(f"is {workers}, expected 0 or more", field="workers")
        self._workers = [WorkerProcess() for _ in range(workers)]

    def run(self, schedule: Schedule, on_standing: OnStanding = lambda standing: None) -> None:
        """Until nothing is waiting; `schedule` then says what became of each task.

        Interrupted, it ends its processes, trainings with a checkpoint, before it raises.
        """
        total = len(schedule.waiting)
        if not self._workers:
            self._run_here(schedule, total, on_standing)
            return
        try:
            self._run(schedule, total, on_standing)
        except BaseException:
            for worker in self._workers:
                worker.ask_to_end()
            raise
        finally:
            deadline = time.monotonic() + PARTING
            idle = [worker for worker in self._workers if worker.task is None]
            for worker in idle:
                worker.end(0.0)
            for worker in self._workers:
                worker.end(deadline - time.monotonic())

    def _run(self, schedule: Schedule, total: int, on_standing: OnStanding) -> None:
        news = ""
        while True:
            for worker in self._workers:
                task = schedule.next() if worker.task is None else None
                if task is not None:
                    worker.give(task, attempts=1)
            busy = [worker for worker in self._workers if worker.task is not None]
            on_standing(self._standing(schedule, total, busy, news))
            if not busy:
                return
            news = ""
            ready: Sequence[Any] = wait([w.connection for w in busy], timeout=_ROUND)
            for worker in busy:
                if worker.connection in ready:
                    news = self._hear(worker, schedule) or news

    def _hear(self, worker: WorkerProcess, schedule: Schedule) -> str:
        said = worker.listen()
        if isinstance(said, Progress):
            return ""
        took = time.monotonic() - worker.since
        if isinstance(said, str) and worker.attempts < ATTEMPTS:
            task = worker.free()
            worker.give(task, worker.attempts + 1)
            return f"{task.key}: {said}; it is tried again"
        end = Finished(f"{said}, twice") if isinstance(said, str) else said
        return schedule.end(worker.free(), took, end)

    def _standing(
        self, schedule: Schedule, total: int, busy: Sequence[WorkerProcess], news: str
    ) -> Standing:
        ended = total - len(schedule.waiting) - len(busy)
        running = {w.task.key: _words(w.progress) for w in busy if w.task is not None}
        return Standing(done=ended, total=total, running=running, news=news,
                        left=self._left(schedule, busy))  # fmt: skip

    def _left(self, schedule: Schedule, busy: Sequence[WorkerProcess]) -> float | None:
        waits = [schedule.expected(task) for task in schedule.waiting]
        rest = []
        for worker in busy:
            assert worker.task is not None
            expected = schedule.expected(worker.task)
            gone = time.monotonic() - worker.since
            rest.append(None if expected is None else max(expected - gone, 0.0))
        known = [*waits, *rest]
        if any(seconds is None for seconds in known):
            return None
        whole = sum(seconds for seconds in known if seconds is not None)
        return max(whole / len(self._workers), max((r for r in rest if r is not None), default=0.0))

    def _run_here(self, schedule: Schedule, total: int, on_standing: OnStanding) -> None:
        news = ""
        while (task := schedule.next()) is not None:
            ended = total - len(schedule.waiting) - 1
            on_standing(Standing(done=ended, total=total, running={task.key: ""}, left=None,
                                 news=news))  # fmt: skip
            began = time.monotonic()
            end = attempt(task, lambda what, done, total: None)
            news = schedule.end(task, time.monotonic() - began, end)
        on_standing(Standing(done=total, total=total, running={}, left=None, news=news))


def _words(progress: Progress | None) -> str:
    if progress is None:
        return ""
    share = f" {100 * progress.done // progress.total} %" if progress.total else ""
    return f"{progress.what}{share}"
