"""Numbers of every step are computed once, and never mistaken for others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.data.small import write_dataset

from bydemo.core.errors import InputError
from bydemo.data.source import Dataset
from bydemo.data.step_cache import ARRAY, step_array, step_folder


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return write_dataset(tmp_path / "d", (4, 3))


def test_an_array_is_computed_once_for_each_origin(dataset: Dataset) -> None:
    calls = []

    def compute() -> np.ndarray:
        calls.append(1)
        return np.full((7, 2), len(calls), np.float32)

    first, again = (step_array(dataset, {"weights": "a"}, compute) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert len(calls) == 1
    assert step_array(dataset, {"weights": "b"}, compute)[0, 0] == 2
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 5


def test_other_data_have_another_place(dataset: Dataset, tmp_path: Path) -> None:
    other = write_dataset(tmp_path / "other", (4, 2))
    assert step_folder(dataset, 1).name != step_folder(other, 1).name


def test_a_damaged_file_is_named(dataset: Dataset) -> None:
    step_array(dataset, 1, lambda: np.zeros((7, 2), np.float32))
    file = step_folder(dataset, 1) / ARRAY
    file.write_bytes(b"\1" + file.read_bytes()[1:])
    with pytest.raises(InputError, match=rf"{ARRAY}: its bytes changed since it was written"):
        step_array(dataset, 1, lambda: np.zeros((7, 2), np.float32))


def test_an_array_of_another_shape_is_refused_and_leaves_nothing(dataset: Dataset) -> None:
    with pytest.raises(InputError, match=r"is \(6, 2\) float32, expected \(7, D\) float32"):
        step_array(dataset, 1, lambda: np.zeros((6, 2), np.float32))
    assert not step_folder(dataset, 1).exists()
