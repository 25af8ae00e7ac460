"""The Jaco study: its plan is whole, on simulated and on real recordings, and its small twin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.data.small import write_dataset

from bydemo.core.errors import InputError
from bydemo.core.jaco_play import jaco_play_spec
from bydemo.core.results import read_json
from bydemo.data.source import Dataset
from bydemo.data.splits import make_split, write_splits
from bydemo.report.study_page import write_study_page
from bydemo.studies.demonstrations import Existing
from bydemo.studies.plan import Arm, StudyPlan
from bydemo.studies.plans import jaco_play
from bydemo.studies.plans._jaco_ablations import ABLATIONS
from bydemo.studies.plans._jaco_representations import OPTIONS
from bydemo.studies.prepare import prepare
from bydemo.studies.run_study import run_study
from bydemo.studies.work import Here, TrainAndJudge


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Jaco's fields without a simulator, as the real recordings have them."""
    path = tmp_path_factory.mktemp("real") / "data"
    small = write_dataset(path, lengths=(5, 4, 6, 5, 4, 5, 6, 4, 5, 5, 4, 6), spec=jaco_play_spec())
    write_splits(small, make_split(small, "random"))
    return path


@pytest.fixture(scope="module")
def quick() -> StudyPlan:
    return jaco_play.plan(jaco_play.Config(preset="quick"))


def trained(plan: StudyPlan) -> Iterator[tuple[Arm, TrainAndJudge]]:
    for arm in plan.arms:
        if isinstance(arm.work, TrainAndJudge):
            yield arm, arm.work


@pytest.mark.parametrize("preset", ["quick", "full", "debug"])
def test_the_plan_is_whole(preset: str) -> None:
    plan = jaco_play.plan(jaco_play.Config(preset=preset))
    plan.check()
    told = (*plan.questions, *plan.searches, *plan.rankings)
    assert [c.title for c in plan.chapters] == list(dict.fromkeys(part.chapter for part in told))
    asked = {name for q in plan.questions for name in (q.control, *q.arms)}
    drawn = {name for q in plan.questions if q.curve for line in q.curve.series.values()
             for name in line}  # fmt: skip
    assert {arm.name for arm in plan.arms} - asked - drawn == {"expert", "random"}
    if preset == "full":
        assert set(ABLATIONS) | set(OPTIONS) <= asked


def test_all_that_is_compared_is_there_at_every_share_with_three_seeds(quick: StudyPlan) -> None:
    contestants = ("ours", "baseline", "tuned", "vae-finetuned", "vae-head", "forward-head",
                   "forward-random", "blind")  # fmt: skip
    for name in contestants:
        for share in (10, 30, 100):
            arm = quick.arm(f"{name}-{share}")
            assert arm.seeds == (1, 2, 3)
            assert isinstance(arm.work, TrainAndJudge)
            assert arm.work.judging.offline == ("validation", "test")
            assert set(arm.work.judging.tasks) == {"pick", "place"}
            assert arm.work.judging.latency
    assert {arm.after for arm, _ in trained(quick)} == {None, "vae", "forward-model"}


def test_fewer_labels_are_trained_on_for_as_many_steps(quick: StudyPlan) -> None:
    for name, work in ((arm.name, work) for arm, work in trained(quick) if "-10" in arm.name[-3:]):
        share = work.changes["data.share"]
        epochs = work.changes.get("training.epochs")
        whole = quick.arm(name.replace("-10", "-100")).work
        assert isinstance(whole, TrainAndJudge)
        assert share == 0.1
        assert (epochs is None) == ("training.epochs" not in whole.changes)
        if epochs is not None:
            assert epochs == 10 * whole.changes["training.epochs"]


def test_what_is_learned_without_actions_is_never_given_one(quick: StudyPlan, real: Path) -> None:
    data = Dataset.open(real)
    alone = [(a, w) for a, w in trained(quick) if w.judging.latent]
    assert {arm.name for arm, _ in alone} >= {"vae", "forward-model", "time-contrastive"}
    for arm, work in alone:
        made = work.experiment(data.spec, Here(folder=real, seed=1))
        found = prepare(made.data, data, made.model).train.gather([0, 1])
        assert not {"continuous", "labels", "valid"} & set(found), arm.name


def test_full_is_the_reference_to_the_last_parameter(real: Path) -> None:
    plan = jaco_play.plan(jaco_play.Config(preset="full", data=real))
    data = plan.datasets["jaco"]
    assert isinstance(data, Existing)
    dataset = Dataset.open(data.path)
    for name, parameters in (("baseline-100", 6_574_958), ("tuned-100", 6_574_958),
                             ("vae", 5_010_465)):  # fmt: skip
        work = plan.arm(name).work
        assert isinstance(work, TrainAndJudge)
        made = work.experiment(dataset.spec, Here(folder=real, seed=1))
        shapes = prepare(made.data, dataset, made.model).shapes
        assert sum(p.numel() for p in made.model.build(shapes).parameters()) == parameters, name
    tuned, vae = plan.arm("tuned-100").work, plan.arm("vae").work
    assert isinstance(tuned, TrainAndJudge)
    assert isinstance(vae, TrainAndJudge)
    assert (tuned.changes, vae.changes) == ({"training.epochs": 10}, {"training.epochs": 30})


def test_on_real_recordings_held_out_episodes_decide(real: Path) -> None:
    plan = jaco_play.plan(jaco_play.Config(data=real))
    plan.check()
    names = {arm.name for arm in plan.arms}
    assert not {"expert", "random", "offset-1", "offset-2"} & names
    assert {"ours-10", "forward-head-10", "vae"} <= names
    decides = {q.chapter: q.decides for q in plan.questions}
    assert list(decides.values()) == [
        "offline.validation.policy.gripper.macro_f1", "probe.latent.gripper.linear.macro_f1",
        "offline.test.policy.gripper.macro_f1",
    ]  # fmt: skip
    assert not plan.rankings
    assert not plan.every_task
    assert "there is no arm to act on" in plan.about


def test_data_that_will_not_do(tmp_path: Path) -> None:
    bare = write_dataset(tmp_path / "bare", spec=jaco_play_spec())
    with pytest.raises(InputError) as raised:
        jaco_play.plan(jaco_play.Config(data=bare.path))
    assert str(raised.value) == (
        f"{bare.path}, field 'splits': has no part 'train', which the study needs (it has: none)"
    )
    with pytest.raises(InputError, match="field 'rollouts': is 0, expected at least 1"):
        jaco_play.Config(rollouts=0)


@pytest.mark.slow
def test_its_small_twin_goes_from_nothing_to_the_page(tmp_path: Path) -> None:
    options = jaco_play.Config(preset="debug", seeds=1)
    study = tmp_path / "s"
    results = run_study(jaco_play.plan(options), study, options=options, workers=2)
    assert results["jobs"]["failed"] == 0
    assert results["complete"]
    arms = {arm["name"]: arm for arm in results["arms"]}
    assert arms["expert"]["figures"]["rollouts.all.rate"]["episodes"] == 2
    head = arms["forward-head-50"]
    assert head["parameters"] < head["parameters_in_all"]
    frozen = read_json(study / "runs/forward-head-50/seed-1/results.json")["training"]["frozen"]
    assert frozen["before"] == frozen["after"]
    assert arms["vae"]["runs"][0]["convergence"] == "cannot tell"
    assert results["cost"]["arms"]["ours-100"]["latency_ms"] > 0
    assert results["questions"][0]["effects"][0]["figures"]
    page = write_study_page(study, study / "report.html").read_text()
    for chapter in jaco_play.plan(options).chapters:
        assert chapter.title in page
    assert (study / "runs/vae/seed-1/report.html").exists()
