"""Episodes on several processes: the same results for any number of them, whatever breaks.

Each process is spawned (a fork after rendering hangs), uses one thread, and builds its task once.
One that is killed is noticed at once, one that hangs when its time is up; the episode is tried
once more in a new process and otherwise counts as crashed.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import TracebackType

from bydemo.core.errors import InputError
from bydemo.evaluation.actors import ActorFactory
from bydemo.evaluation.rollout import Rollout
from bydemo.evaluation.worker_process import Stage, TaskConfig, Worker

_LEAD = 2
"""Episodes begun ahead of the oldest unfinished one, a worker: bounds the memory they take."""


class EpisodePool:
    """Plays episodes on `workers` processes; with 0 of them in this very process.

    limit: seconds an episode may take, a second a step and half a minute if None.
    """

    def __init__(self, task: TaskConfig, *, workers: int = 2, limit: float | None = None) -> None:
        if workers < 0:
            raise InputError(f"is {workers}, expected 0 or more", field="workers")
        self._stage = Stage(task) if workers == 0 else None
        lock = threading.Lock()
        self._workers = [Worker(task, lock) for _ in range(workers)]
        self._limit = limit

    def __enter__(self) -> EpisodePool:
        if self._stage is not None:
            self.facts = self._stage.facts()
            return self
        try:
            for worker in self._workers:
                worker.start()
            self.facts = self._workers[0].greet()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all processes."""
        if self._stage is not None:
            self._stage.close()
        for worker in self._workers:
            worker.dismiss()

    def run(
        self, factory: ActorFactory, seeds: Iterable[int], *,
        keep: Callable[[], bool] = lambda: False, film: bool = False,
    ) -> Iterator[Rollout]:  # fmt: skip
        """One rollout a seed, in the order of `seeds`.

        `keep` is asked before each episode begins whether what is seen and done will be wanted;
        `film`: pictures too, as in `rollout`.
        """
        if self._stage is not None:
            yield from self._run_here(self._stage, factory, seeds, keep, film)
            return
        idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in self._workers:
            idle.put(worker)
        limit = 30.0 + self.facts.max_steps if self._limit is None else self._limit

        def attempt(seed: int, wanted: bool) -> Rollout:
            worker = idle.get()
            try:
                return _twice(partial(worker.play, factory, seed, wanted, limit, film=film))
            finally:
                idle.put(worker)

        pending: deque[Future[Rollout]] = deque()
        threads = ThreadPoolExecutor(len(self._workers))
        try:
            for seed in seeds:
                if len(pending) >= _LEAD * len(self._workers):
                    yield pending.popleft().result()
                pending.append(threads.submit(attempt, seed, keep()))
            while pending:
                yield pending.popleft().result()
        except BaseException:
            self.close()  # frees the threads that wait for an answer
            raise
        finally:
            threads.shutdown(cancel_futures=True)

    @staticmethod
    def _run_here(
        stage: Stage, factory: ActorFactory, seeds: Iterable[int], keep: Callable[[], bool],
        film: bool,
    ) -> Iterator[Rollout]:  # fmt: skip
        for seed in seeds:
            with one_torch_thread():
                result = _twice(partial(stage.play, factory, seed, keep(), film))
            yield result


def _twice(play: Callable[[], Rollout]) -> Rollout:
    """A crash says nothing about the actor, so it is tried once more, and counted."""
    first = play()
    return replace(play(), attempts=2) if first.crashed else first


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """The number of threads changes sums in their last bits, and so an episode in the end."""
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch is not None else 0
    if torch is not None:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if torch is not None:
            torch.set_num_threads(threads)
