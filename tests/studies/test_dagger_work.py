"""DAgger as an arm of a study."""

from __future__ import annotations

from pathlib import Path

from tests.evaluation import point_task
from tests.studies.small_study import SHORT

from bydemo.core.results import read_json
from bydemo.studies.dagger_settings import DaggerSettings
from bydemo.studies.dagger_work import DaggerAndJudge
from bydemo.studies.judging import Rollouts
from bydemo.studies.plan import Arm, StudyPlan
from bydemo.studies.run_study import run_study
from bydemo.studies.work import Judging


def test_an_arm_makes_its_own_demonstrations_and_is_judged(tmp_path: Path) -> None:
    task = point_task.Config()
    work = DaggerAndJudge(
        task=task, recipe="blind", changes=SHORT,
        settings=DaggerSettings(episodes_first=4, rounds=1, episodes_a_round=2),
        judging=Judging(tasks={"walk": task}, rollouts=Rollouts(n=3, references=(), clips=0)),
    )  # fmt: skip
    asked = StudyPlan(name="d", title="D", arms=(Arm(name="corrected", work=work, seeds=(1,)),))
    found = run_study(asked, tmp_path, workers=0)
    assert found["complete"], found["arms"][0]["runs"]
    arm = found["arms"][0]
    assert arm["kind"] == "dagger"
    assert arm["settings"]["training"]["dagger"]["episodes_first"] == 4
    assert arm["figures"]["rollouts.walk.rate"]["episodes"] == 3
    run = tmp_path / "runs" / "corrected" / "seed-1"
    assert read_json(run / "results.json")["dagger"]["rounds"]
    before = (run / "results.json").stat().st_mtime_ns
    run_study(asked, tmp_path, workers=0)
    assert (run / "results.json").stat().st_mtime_ns == before
