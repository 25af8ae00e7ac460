"""How many steps there are, and after which of them the model is judged."""

from __future__ import annotations

import pytest
from tests.training.toy import config

from bydemo.training.timetable import MOST, Timetable


def table(epoch: int, **changes: object) -> Timetable:
    return Timetable.of(config(**{"epochs": None, **changes}), epoch)


def judged(timetable: Timetable) -> list[int]:
    return [done for done in range(1, timetable.steps + 1) if timetable.ends_round(done)]


def test_few_epochs_are_rounds_of_their_own() -> None:
    assert judged(table(5, epochs=4)) == [5, 10, 15, 20]
    assert judged(table(1, epochs=MOST)) == list(range(1, MOST + 1))


def test_the_same_steps_however_many_samples() -> None:
    """Ten episodes or a thousand of 100 steps in batches of 256: rounds are whole epochs."""
    for epoch in (4, 391):
        timetable = table(epoch, steps=20_000)
        assert (timetable.steps, timetable.every % epoch) == (20_000, 0)
        assert 20_000 / MOST <= timetable.every < 20_000 / MOST + epoch
        assert len(judged(timetable)) <= MOST
        assert judged(timetable)[-1] == 20_000


@pytest.mark.parametrize("epochs", [1, 49, 51, 99, 100, 1234])
def test_never_more_than_the_most(epochs: int) -> None:
    timetable = table(3, epochs=epochs)
    assert timetable.steps == 3 * epochs
    assert timetable.epochs == epochs
    assert epochs / 3 <= len(judged(timetable)) * 3 or len(judged(timetable)) > MOST / 2
    assert len(judged(timetable)) <= MOST


def test_as_often_as_asked_for_and_at_the_end() -> None:
    assert judged(table(5, epochs=2, validate_every=4)) == [4, 8, 10]
    assert judged(table(5, steps=7, validate_every=100)) == [7]


def test_fewer_steps_than_an_epoch() -> None:
    timetable = table(390, steps=7)
    assert judged(timetable) == [7]
    assert timetable.epochs == 1
