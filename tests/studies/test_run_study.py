"""A study from nothing to its results; what changes in the plan is done anew, and only that."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.evaluation import point_task
from tests.studies.small_study import Bowl, Config, Trick, plan

from bydemo.core.errors import InputError, StorageError, UnknownNameError
from bydemo.core.results import read_json
from bydemo.evaluation.actors import RandomActor
from bydemo.studies.demonstrations import Existing, Recorded
from bydemo.studies.locking import locked
from bydemo.studies.plan import Arm, Question, Ranking, Search, StudyPlan
from bydemo.studies.run_study import Watch, run_study
from bydemo.studies.space import Range
from bydemo.studies.work import Act

SMALL = Config(rollouts=4, epochs=3, episodes=10, seeds=(1, 2))


def stamps(folder: Path) -> dict[str, int]:
    """When each run was last trained, and each of its rollouts played."""
    found = {}
    for run in sorted((folder / "runs").glob("*/[!.]*")):
        model = run / "model" / "manifest.json"
        if model.exists():
            found[f"{run.parent.name}/{run.name} trained"] = model.stat().st_mtime_ns
        found[f"{run.parent.name}/{run.name} touched"] = (run / "results.json").stat().st_mtime_ns
    return found


def changed(before: dict[str, int], after: dict[str, int]) -> set[str]:
    return {name for name in after if after[name] != before.get(name)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study") / "small"
    results = run_study(plan(SMALL), folder, options=SMALL, workers=0)
    assert results["complete"]
    return folder


def test_the_results_hold_questions_and_outcomes(whole: Path) -> None:
    found = read_json(whole / "results.json")
    assert (found["schema"], found["name"]) == ("bydemo.study/1", "small_study")
    assert found["jobs"] == {"total": 6, "finished": 6, "failed": 0}
    assert found["options"] == json.loads(json.dumps(vars(SMALL)))
    question = found["questions"][0]
    assert question["why"] == "It underfits."
    assert question["effects"][0]["arm"] == "long"
    assert set(question["effects"][0]["figures"]) == {
        "offline.test.policy.velocity.rmse", "rollouts.walk.rate", "training.loss"}  # fmt: skip
    assert question["conclusions"][0].startswith("Longer ")
    arms = {arm["name"]: arm for arm in found["arms"]}
    assert [run["folder"] for run in arms["long"]["runs"]] == ["runs/long/seed-1",
                                                               "runs/long/seed-2"]  # fmt: skip
    assert arms["long"]["settings"]["training"]["experiment"]["training"]["epochs"] == 3
    assert arms["expert"]["figures"]["rollouts.walk.return"]["over"] == "episodes"
    assert "rollouts.walk.score" in arms["long"]["figures"]
    assert arms["long"]["parameters"] > 100
    cost = found["cost"]
    assert cost["arms"]["long"]["wall_minutes"] > 0
    assert cost["datasets"]["walks"]["wall_minutes"] > 0


def test_again_nothing_is_done_and_the_tables_are_the_same(whole: Path) -> None:
    before, text = stamps(whole), (whole / "results.json").read_text()
    seen = []
    run_study(plan(SMALL), whole, options=SMALL, workers=0, watch=Watch(running=seen.append))
    assert stamps(whole) == before
    assert [(now.done, now.total) for now in seen] == [(0, 0)]
    assert (whole / "results.json").read_text().partition('"cost"')[0] == (
        text.partition('"cost"')[0])  # fmt: skip


def test_what_changes_in_the_plan_is_done_anew_and_only_that(whole: Path) -> None:
    before = stamps(whole)
    options = replace(SMALL, epochs=5)
    run_study(plan(options), whole, options=options, workers=0)
    assert changed(before, stamps(whole)) == {
        f"long/seed-{seed} {what}" for seed in (1, 2) for what in ("trained", "touched")
    }  # fmt: skip
    before = stamps(whole)
    options = replace(options, rollouts=5)
    run_study(plan(options), whole, options=options, workers=0)
    done = changed(before, stamps(whole))
    assert len(done) == 6
    assert all(name.endswith("touched") for name in done)  # played again, not trained
    before = stamps(whole)
    options = replace(options, seeds=(1, 2, 3))
    results = run_study(plan(options), whole, options=options, workers=0)
    assert {name.split()[0] for name in changed(before, stamps(whole))} == {
        "long/seed-3", "short/seed-3"}  # fmt: skip
    assert results["arms"][2]["figures"]["training.loss"]["n"] == 3


def tricks(**more: Any) -> StudyPlan:
    arms = (
        Arm(name="made", work=Trick(value=1.0), seeds=(1, 2)),
        Arm(name="lost", work=Trick(value=2.0, trouble="diverge"), seeds=(1, 2)),
        Arm(name="next", work=Trick(value=10.0), seeds=(1, 2), after="made"),
    )
    question = Question(title="q", varies="v", why="w", decides="training.loss", control="made",
                        arms=("lost", "next"))  # fmt: skip
    return StudyPlan(**{"name": "tricks", "title": "Tricks", "arms": arms,
                        "questions": (question,), **more})  # fmt: skip


def test_an_arm_starts_from_the_run_with_the_same_seed(tmp_path: Path) -> None:
    found = run_study(tricks(), tmp_path, workers=0)
    by_name = {arm["name"]: arm for arm in found["arms"]}
    seeds = by_name["next"]["figures"]["training.loss"]["seeds"]
    assert seeds == [{"seed": 1, "value": 13.0}, {"seed": 2, "value": 15.0}]
    assert by_name["next"]["after"] == "made"


def test_failed_runs_are_named_and_nothing_is_concluded_from_the_rest(tmp_path: Path) -> None:
    found = run_study(tricks(), tmp_path, workers=0)
    assert not found["complete"]
    assert found["jobs"] == {"total": 6, "finished": 4, "failed": 2}
    lost = next(arm for arm in found["arms"] if arm["name"] == "lost")
    assert {run["reason"] for run in lost["runs"]} == {"the loss is not finite"}
    effect = found["questions"][0]["effects"][0]
    assert effect["figures"]["training.loss"] == {"problem": "no run of lost has this figure"}
    assert found["questions"][0]["conclusions"][0] == (
        "lost against made: nothing to compare, no run of lost has this figure.")  # fmt: skip
    again = run_study(tricks(), tmp_path, workers=0)
    assert again["jobs"] == found["jobs"]
    tries = (tmp_path / "runs" / "lost" / "seed-1" / "tries.txt").read_text()
    assert len(tries.splitlines()) == 1  # it diverged, and would again


def test_half_an_arm_is_not_compared_with_a_whole_one(tmp_path: Path) -> None:
    once = str(tmp_path / "once")
    arms = (
        Arm(name="made", work=Trick(), seeds=(1, 2, 3)),
        Arm(name="half", work=Trick(value=9.0, trouble="input", once=once), seeds=(1, 2, 3)),
    )
    asked = tricks(arms=arms, questions=(replace(tricks().questions[0], arms=("half",)),))
    found = run_study(asked, tmp_path / "study", workers=0)
    effect = found["questions"][0]["effects"][0]
    assert effect["figures"]["training.loss"]["n"] == 2
    assert effect["verdict"] == "cannot tell: 1 of the runs did not finish"
    found = run_study(asked, tmp_path / "study", workers=0)  # it was no outcome: tried again
    assert found["complete"]
    assert found["questions"][0]["effects"][0]["verdict"] == "worse"


def test_the_questions_are_written_before_anything_runs(tmp_path: Path) -> None:
    seen = []
    run_study(
        tricks(),
        tmp_path,
        workers=0,
        watch=Watch(running=lambda now: seen.append(read_json(tmp_path / "results.json"))),
    )
    assert seen[0]["questions"][0]["why"] == "w"
    assert seen[0]["jobs"]["finished"] == 0


def test_a_study_may_be_moved(tmp_path: Path) -> None:
    found = run_study(tricks(), tmp_path / "here", workers=0)
    (tmp_path / "here").rename(tmp_path / "there")
    again = run_study(tricks(), tmp_path / "there", workers=0)
    assert again["jobs"] == found["jobs"]
    tries = (tmp_path / "there" / "runs" / "next" / "seed-1" / "tries.txt").read_text()
    assert len(tries.splitlines()) == 1


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    with locked(tmp_path / "study"), pytest.raises(StorageError, match="another process is at w"):
        run_study(tricks(), tmp_path / "study", workers=0)


def test_wrong_settings_are_found_before_anything_runs(whole: Path, tmp_path: Path) -> None:
    asked = plan(SMALL)
    wrong = replace(asked.arms[3], work=replace(asked.arms[3].work, changes={"training.epoch": 1}))
    data = {"walks": Existing(path=whole / "data" / "walks")}
    with pytest.raises(UnknownNameError, match=r"training\.epoch"):
        run_study(replace(asked, arms=(*asked.arms[:3], wrong), datasets=data), tmp_path / "s",
                  workers=0)  # fmt: skip
    assert not (tmp_path / "s" / "runs").exists()


def test_a_search_and_a_ranking_are_part_of_the_results(whole: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    looked = Search(
        name="rate", title="Rate", varies="rate", why="w", decides="training.loss", dataset="d",
        work=Bowl(changes={"kind": ["b"]}), space={"rate": Range(1e-3, 1e-1, log=True)}, trials=3,
    )  # fmt: skip
    asked = tricks(
        searches=(looked,),
        datasets={"d": Existing(path=whole / "data" / "walks")},
        rankings=(Ranking(title="r", why="w", x="training.loss", y="parameters"),),
    )
    found = run_study(asked, tmp_path, workers=0)
    assert [t["state"] for t in found["searches"][0]["trials"]] == ["finished"] * 3
    assert found["rankings"][0]["n"] == 2
    assert found["rankings"][0]["verdict"] == "cannot tell from n = 2 arms"


def test_a_dataset_is_recorded_once_gone_on_with_or_made_anew(tmp_path: Path) -> None:
    def asked(**more: Any) -> StudyPlan:
        source = Recorded(**{"task": point_task.Config(), "episodes": 6, **more})
        return tricks(arms=(), questions=(), datasets={"walks": source})

    found = run_study(asked(), tmp_path, workers=0)["datasets"]["walks"]
    data = tmp_path / "data" / "walks"
    first = data.stat().st_ino
    assert run_study(asked(), tmp_path, workers=0)["datasets"]["walks"] == found
    more = run_study(asked(episodes=9), tmp_path, workers=0)["datasets"]["walks"]
    assert more["recorded"]["episodes"] == 9
    assert more["episodes"] > found["episodes"]
    assert data.stat().st_ino == first  # extended, not begun again
    other = asked(episodes=6, first_seed=50, actor=RandomActor(), keep_failures=True)
    made = run_study(other, tmp_path, workers=0)["datasets"]["walks"]
    assert made["recorded"]["actor"]["actor"] == "RandomActor"
    assert made["fingerprint"] != found["fingerprint"]


def test_reference_actors_need_no_training_seed(tmp_path: Path) -> None:
    asked = plan(SMALL)
    actors = tuple(arm for arm in asked.arms if isinstance(arm.work, Act))
    found = run_study(replace(asked, arms=actors, datasets={}, questions=(), rankings=()),
                      tmp_path, workers=0)  # fmt: skip
    assert [run["folder"] for arm in found["arms"] for run in arm["runs"]] == [
        "runs/expert/once", "runs/still/once"]  # fmt: skip
    assert "rollouts.walk.score" not in found["arms"][0]["figures"]


def test_every_field_of_the_results_is_documented(whole: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "study_schema.md").read_text()
    said = set(re.findall(r"`\"?([\w.<>]+)\"?`", text)) | set(re.findall(r'"(\w+)"', text))
    found = read_json(whole / "results.json")
    names = set(found) | set(found["cost"]) | set(found["made"]) | set(found["arms"][0])
    names |= set(found["questions"][0]) | set(found["questions"][0]["effects"][0])
    names |= set(found["rankings"][0]) | set(found["arms"][2]["runs"][0])
    names |= set(found["arms"][2]["figures"]["training.loss"]) | set(found["datasets"]["walks"])
    names |= set(found["cost"]["arms"]["long"]) | set(found["jobs"])
    assert sorted(names - said) == []


def test_an_arm_without_its_data_says_so(tmp_path: Path) -> None:
    asked = plan(SMALL)
    bare = replace(asked.arms[2], dataset=None)
    with pytest.raises(InputError, match=r"learns from demonstrations \(in arm 'short'\)"):
        run_study(replace(asked, arms=(bare,), datasets={}, questions=(), rankings=(), floor=None,
                          ceiling=None), tmp_path, workers=0)  # fmt: skip
