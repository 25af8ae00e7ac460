import numpy as np
import pandas as pd
import pytest

from bydemo.core.errors import InputError
from bydemo.evaluation.offline import export_split
from bydemo.evaluation.predictions import read_export


def test_an_export_reads_back_exactly_and_has_names_for_people(tmp_path, splits, noisy):
    judged = splits[1]
    said = noisy(judged, 0.1)
    parquet, csv = export_split(tmp_path, "test", judged, said)
    spec, steps, again = read_export(parquet)
    assert spec == judged.dataset.spec
    for name in ("episode", "step", "continuous", "labels"):
        np.testing.assert_array_equal(getattr(steps, name), getattr(judged.steps, name))
    np.testing.assert_array_equal(again.continuous, said.continuous)
    np.testing.assert_array_equal(again.labels, said.labels)
    np.testing.assert_array_equal(again.log_probabilities[0], said.log_probabilities[0])
    table = pd.read_csv(csv)
    assert len(table) == len(judged.steps)
    assert set(table["truth.gripper"]) <= {"open", "stay", "close"}
    assert list(table.columns[:3]) == ["episode", "step", "instruction"]
    assert not list(tmp_path.glob(".*"))


def test_a_damaged_or_foreign_export_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.parquet: no such file"):
        read_export(tmp_path / "none.parquet")
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(b"PAR1 nonsense")
    with pytest.raises(InputError, match=r"bad\.parquet: cannot be read as parquet"):
        read_export(bad)
    foreign = tmp_path / "foreign.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(foreign)
    with pytest.raises(InputError, match="is not an export of predictions"):
        read_export(foreign)
