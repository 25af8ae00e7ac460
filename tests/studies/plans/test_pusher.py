"""The Pusher study: that its plan is whole, and its small twin from nothing to the page."""

from pathlib import Path

import pytest

from bydemo.core.errors import InputError
from bydemo.core.fields import Spec
from bydemo.core.results import read_json
from bydemo.report.study_page import write_study_page
from bydemo.sim.tasks import make_task
from bydemo.studies.plans import pusher
from bydemo.studies.run_study import run_study
from bydemo.studies.work import Here, TrainAndJudge


@pytest.fixture(scope="module")
def spec() -> Spec:
    task = make_task("pusher")
    found = task.data_spec
    task.close()
    return found


@pytest.mark.parametrize("preset", ["quick", "full", "debug"])
def test_the_plan_is_whole(preset: str) -> None:
    plan = pusher.plan(pusher.Config(preset=preset))
    plan.check()
    asked = {name for q in plan.questions for name in (q.control, *q.arms)}
    shown = {name for q in plan.questions if q.curve for line in q.curve.series.values()
             for name in line}  # fmt: skip
    assert {arm.name for arm in plan.arms} - asked - shown == {"expert", "still", "random"}
    assert set(pusher.ABLATIONS) <= asked if preset == "full" else not asked & set(pusher.ABLATIONS)


def test_enough_is_recorded_for_every_arm() -> None:
    plan = pusher.plan(pusher.Config())
    for arm in plan.arms:
        if isinstance(arm.work, TrainAndJudge):
            # A fifth for the test, a tenth of the rest for validation, each rounded up at most.
            episodes = plan.datasets[arm.dataset].episodes
            assert arm.work.changes["data.episodes"] <= int(0.72 * episodes) - 1, arm.name


@pytest.mark.parametrize("name", pusher.ABLATIONS)
def test_an_ablation_changes_what_it_says_and_nothing_else(name: str, spec: Spec) -> None:
    plan = pusher.plan(pusher.Config())
    here = Here(folder=Path(), seed=1)
    ours, changed = (plan.arm(n).work.experiment(spec, here).to_plain()
                     for n in (f"cloning-{pusher.Config().middle}", name))  # fmt: skip
    differing = {f"{part}.{field}" for part in ours for field in ours[part]
                 if ours[part][field] != changed[part][field]}  # fmt: skip
    assert differing == set(pusher.ABLATIONS[name])


@pytest.mark.slow
def test_its_small_twin_goes_from_nothing_to_the_page(tmp_path: Path) -> None:
    options = pusher.Config(preset="debug", seeds=1, rollouts=2)
    results = run_study(pusher.plan(options), tmp_path / "s", options=options, workers=0)
    assert results["complete"]
    assert results["jobs"]["failed"] == 0
    floor, ceiling = (next(a for a in results["arms"] if a["name"] == n)["figures"]
                      for n in ("still", "expert"))  # fmt: skip
    assert floor[pusher.RETURN]["value"] < ceiling[pusher.RETURN]["value"]
    rounds = read_json(tmp_path / "s/runs/dagger-2/seed-1/results.json")["dagger"]["rounds"]
    assert [row["acted"] for row in rounds] == ["expert", "learner"]
    page = write_study_page(tmp_path / "s", tmp_path / "s/report.html").read_text()
    assert "if they show how to come back?" in page
    assert "Score over demonstrations" in page


def test_options_that_make_no_sense() -> None:
    with pytest.raises(InputError, match="field 'seeds': is 0, expected at least 1"):
        pusher.Config(seeds=0)
