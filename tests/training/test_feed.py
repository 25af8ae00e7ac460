"""Which rows a step sees, and the thread that prepares the next batch."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch

from bydemo.training.feed import WORTH_A_THREAD, Share, feed

CPU = torch.device("cpu")


class Source:
    """Samples that are their own row numbers, of so many bytes more; remembers which thread
    gathered."""

    def __init__(self, padding: int = 0) -> None:
        self.threads: list[str] = []
        self.padding = {"more": np.zeros(padding, np.uint8)} if padding else {}

    def __len__(self) -> int:
        return 10

    def gather(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        self.threads.append(threading.current_thread().name)
        if 99 in rows:
            raise OSError("disk gone")
        return {"row": rows.copy(), **self.padding}


def rows_of(step: int) -> np.ndarray:
    return np.array([step, step + 1])


every_way = pytest.mark.parametrize(
    ("prefetch", "padding"), [(False, 0), (True, 0), (True, WORTH_A_THREAD)]
)


@every_way
def test_batches_in_order(prefetch: bool, padding: int) -> None:
    batches = feed(Source(padding), rows_of, range(3, 6), CPU, prefetch=prefetch)
    got = [(step, batch["row"].tolist(), rows) for step, batch, rows in batches]
    assert got == [(3, [3, 4], 2), (4, [4, 5], 2), (5, [5, 6], 2)]


def test_next_large_batch_is_prepared_by_another_thread() -> None:
    source = Source(WORTH_A_THREAD)
    batches = feed(source, rows_of, range(4), CPU, prefetch=True)
    next(batches)
    next(batches)
    batches.close()
    assert 2 <= len(source.threads) <= 3
    assert all(name.startswith("bydemo-batches") for name in source.threads[1:])
    assert not any(t.name.startswith("bydemo-batches") for t in threading.enumerate())


def test_small_batches_are_not_worth_a_thread() -> None:
    source = Source()
    list(feed(source, rows_of, range(4), CPU, prefetch=True))
    assert source.threads == [threading.current_thread().name] * 4


def test_no_steps() -> None:
    assert list(feed(Source(), rows_of, range(4, 4), CPU, prefetch=True)) == []


@every_way
def test_an_error_while_gathering_arrives(prefetch: bool, padding: int) -> None:
    rows: Callable[[int], np.ndarray] = lambda step: np.array([97 + step])  # noqa: E731
    batches = feed(Source(padding), rows, range(5), CPU, prefetch=prefetch)
    assert next(batches)[0] == 0
    assert next(batches)[0] == 1
    with pytest.raises(OSError, match="disk gone"):
        next(batches)


def test_an_epoch_shows_every_sample_once_whatever_step_is_asked_for_first() -> None:
    share = Share(15, 4)
    steps = range(share.steps, 2 * share.steps)
    epoch = np.concatenate([share.shuffled(1, step) for step in steps])
    assert sorted(epoch) == list(range(15))
    backwards = [Share(15, 4).shuffled(1, step) for step in reversed(steps)]
    np.testing.assert_array_equal(np.concatenate(backwards[::-1]), epoch)


def test_processes_share_each_step_between_them() -> None:
    alone = Share(37, 8)
    pair = [Share(37, 8, rank, 2) for rank in range(2)]
    for step in range(12):
        whole = alone.shuffled(1, step)
        parts = [share.shuffled(1, step) for share in pair]
        np.testing.assert_array_equal(np.concatenate(parts), whole)
        assert len(whole) == alone.size(step) == (5 if step % 5 == 4 else 8)


def test_a_process_without_rows_still_gets_a_batch() -> None:
    share = Share(9, 8, rank=1, world=2)
    steps = list(feed(Source(), share.in_order, range(2), CPU, prefetch=False))
    assert [rows for _, _, rows in steps] == [4, 0]
    assert steps[1][1]["row"].tolist() == [0]


def test_validation_in_order() -> None:
    share = Share(11, 4)
    rows = np.concatenate([share.in_order(step) for step in range(share.steps)])
    assert rows.tolist() == list(range(11))
