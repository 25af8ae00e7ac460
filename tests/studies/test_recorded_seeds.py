import pytest
from tests.data.small import write_dataset

from bydemo.core.errors import InputError
from bydemo.studies import judging


@pytest.mark.parametrize("kind", ["simulation", "minari"])
@pytest.mark.parametrize(("first", "seen"), [(0, 3), (2, 1), (3, 0)])
def test_starts_that_were_demonstrated_are_refused(tmp_path, monkeypatch, first, seen, kind):
    path = tmp_path / "d"
    write_dataset(path, lengths=[4, 4, 4])  # seeds 0, 1 and 2
    results = {"dataset": {"path": str(path), "source": {"kind": kind}}, "rollouts": {}}
    monkeypatch.setattr(judging, "open_run", lambda run: (None, results))
    how = judging.Rollouts(n=5, first_seed=first)
    if not seen:
        assert judging.judge_closed_loop(tmp_path, {}, how) is results
        return
    with pytest.raises(
        InputError, match=f"{seen} of the 5 seeds from {first} on were demonstrated"
    ):
        judging.judge_closed_loop(tmp_path, {}, how)


def test_real_recordings_have_no_seeds_to_refuse(tmp_path, monkeypatch):
    results = {"dataset": {"path": "gone", "source": {"kind": "lerobot"}}, "rollouts": {}}
    monkeypatch.setattr(judging, "open_run", lambda run: (None, results))
    assert judging.judge_closed_loop(tmp_path, {}, judging.Rollouts(n=5, first_seed=0)) is results
