"""What is finished is never repeated, what changed is, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.studies.small_study import Trick

from bydemo.core.errors import InputError, TrainingError
from bydemo.core.results import read_json, write_json
from bydemo.studies import job as job_module
from bydemo.studies.job import Job, JobRecord, fingerprints
from bydemo.studies.work import Here, silent


def make(folder: Path, work: Any = None, *, seed: int | None = 1, start: str | None = None) -> Job:
    here = Here(folder=folder / "run", seed=seed)
    chosen = work or Trick()
    marks = fingerprints(chosen.stages(here), seed=seed, dataset="data", start=start)
    return Job(arm="ours", work=chosen, here=here, stages=marks)


def tries(folder: Path) -> int:
    return len((folder / "run" / "tries.txt").read_text().splitlines())


def test_a_finished_job_is_not_repeated(tmp_path: Path) -> None:
    job = make(tmp_path)
    assert job.state() == ("waiting", None)
    job.carry_out(silent)
    assert job.state() == ("finished", None)
    job.carry_out(silent)
    assert tries(tmp_path) == 1


@pytest.mark.parametrize("change", [{"seed": 2}, {"work": Trick(value=3.0)}, {"start": "x"}])
def test_what_made_it_changed_so_it_is_done_again_from_nothing(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    make(tmp_path).carry_out(silent)
    (tmp_path / "run" / "stale.txt").touch()
    changed = make(tmp_path, **change)
    assert changed.state() == ("waiting", None)
    changed.carry_out(silent)
    assert changed.state() == ("finished", None)
    assert tries(tmp_path) == 1  # of a folder that was emptied
    assert not (tmp_path / "run" / "stale.txt").exists()


def test_only_the_later_stage_that_changed_is_repeated(tmp_path: Path) -> None:
    make(tmp_path).carry_out(silent)
    job = make(tmp_path)
    job = Job(arm="ours", work=job.work, here=job.here, stages={**job.stages, "judged": "other"})
    assert job.state() == ("waiting", None)
    job.carry_out(silent)
    assert job.state() == ("finished", None)
    assert tries(tmp_path) == 1


def test_the_outcome_of_a_stage_that_the_plan_gave_up_is_forgotten(tmp_path: Path) -> None:
    job = make(tmp_path)
    job.carry_out(silent)
    path = tmp_path / "run" / "results.json"
    write_json(path, {**read_json(path), "rollouts": {"pick": 1, "place": 2}})
    record = JobRecord.of(tmp_path / "run")
    record.done["rollouts.pick"] = record.begun["rollouts.pick"] = "fingerprint"
    record.save()
    assert job.state() == ("waiting", None)
    job.carry_out(silent)
    assert job.state() == ("finished", None)
    assert read_json(path)["rollouts"] == {"place": 2}
    assert tries(tmp_path) == 1


def test_a_run_whose_results_are_gone_is_done_again(tmp_path: Path) -> None:
    job = make(tmp_path)
    job.carry_out(silent)
    (tmp_path / "run" / "results.json").unlink()
    assert job.state() == ("waiting", None)
    job.carry_out(silent)
    assert job.state() == ("finished", None)


def test_a_training_that_went_astray_is_an_outcome_and_kept(tmp_path: Path) -> None:
    job = make(tmp_path, Trick(trouble="diverge"))
    with pytest.raises(TrainingError):
        job.carry_out(silent)
    assert job.state() == ("failed", "the loss is not finite")
    other = make(tmp_path, Trick(value=2.0))
    other.carry_out(silent)
    assert other.state() == ("finished", None)


def test_any_other_failure_is_tried_again(tmp_path: Path) -> None:
    job = make(tmp_path, Trick(trouble="input", once=str(tmp_path / "once")))
    with pytest.raises(InputError, match="field 'trouble': no good"):
        job.carry_out(silent)
    assert job.state() == ("waiting", None)
    job.carry_out(silent)
    assert job.state() == ("finished", None)


def test_time_adds_up_over_attempts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_module, "TICK", 0.0)
    job = make(tmp_path, Trick(trouble="input", once=str(tmp_path / "once"), pace=0.005))
    with pytest.raises(InputError):
        job.carry_out(silent)
    first = JobRecord.of(tmp_path / "run").seconds
    job.carry_out(silent)
    assert JobRecord.of(tmp_path / "run").seconds > first > 0.04


class Killed(BaseException):
    """Stands for a kill -9: nothing after it is carried out."""


@pytest.mark.parametrize("which", range(1, 7))
@pytest.mark.parametrize("after", [False, True])
def test_killed_around_any_of_its_writes_it_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: int, after: bool
) -> None:
    calls = 0

    def write(path: Path, data: Any) -> None:
        nonlocal calls
        calls += 1
        if calls != which or after:
            write_json(path, data)
        if calls == which:
            raise Killed

    monkeypatch.setattr(job_module, "write_json", write)
    job = make(tmp_path)
    try:
        job.carry_out(silent)
    except Killed:
        assert calls == which
    else:
        assert which > calls
    monkeypatch.setattr(job_module, "write_json", write_json)
    job.carry_out(silent)
    assert job.state() == ("finished", None)
    assert read_json(tmp_path / "run" / "results.json")["training"]["loss"] == 2.0
