"""DAgger: what is stored, that it goes on wherever it was cut, and what it refuses."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.evaluation import point_task

from bydemo.core.errors import BydemoError, InputError, SimulationError, StorageError
from bydemo.core.results import read_json, read_lines
from bydemo.data import store
from bydemo.data.integrity import verify
from bydemo.data.source import Dataset
from bydemo.evaluation.actors import SavedPolicy
from bydemo.evaluation.rollout import rollout
from bydemo.evaluation.teaching import taught
from bydemo.models.agent import Agent
from bydemo.studies import dagger as dagger_module
from bydemo.studies import dagger_episodes, recipes
from bydemo.studies.dagger import dagger, round_folder
from bydemo.studies.dagger_settings import DaggerSettings, parted
from bydemo.studies.experiment import Experiment
from bydemo.studies.judging import Rollouts, judge_closed_loop, judge_offline
from bydemo.studies.run import open_dataset
from bydemo.training.config import TrainingConfig

TASK = point_task.Config(max_steps=30)
SETTINGS = DaggerSettings(episodes_first=4, rounds=2, episodes_a_round=3)
RECIPE = "jaco_play.blind"


def steer(observation: Mapping[str, Any]) -> np.ndarray:
    """An expert without dice: straight to the goal, then close the hand."""
    gap = observation["goal"] - observation["position"]
    near = np.linalg.norm(gap) < point_task.REACH / 2
    return np.array([*np.clip(gap, -0.1, 0.1), 2.0 if near else 1.0], np.float32)


def experiment(**changes: Any) -> Experiment:
    """A network that learns nothing much in no time."""
    small = {"training.epochs": 2, "training.batch_size": 16, "training.log_every": 0,
             "model.widths": (8,), "model.prompt_width": 2}  # fmt: skip
    return recipes.load(RECIPE)[1](point_task.SPEC).changed({**small, **changes})


def go(
    folder: Path, *, settings: DaggerSettings = SETTINGS, task: Any = TASK, expert: Any = steer,
    recipe: str = RECIPE, **options: Any,
) -> dict[str, Any]:  # fmt: skip
    """Run it in this process into folder/data and folder/run."""
    return dagger(task, folder / "data", folder / "run", recipe=recipe, expert=expert,
                  **{"experiment": experiment(), "settings": settings, "workers": 0, **options},
                  )  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("dagger")
    go(folder)
    return folder


def test_rounds_and_schedules() -> None:
    plan = list(replace(SETTINGS, rounds=4, first_seed=7).plan())
    assert [now.beta for now in plan] == [1.0, 0.5, 0.25, 0.125, 0.0625]
    assert [now.acted for now in plan] == ["expert", *["mixture"] * 4]
    assert [seed for now in plan for seed in now.seeds] == list(range(7, 7 + 4 + 4 * 3))
    linear = replace(SETTINGS, rounds=4, schedule="linear").plan()
    assert [now.beta for now in linear] == [1.0, 0.75, 0.5, 0.25, 0.0]
    zero = list(replace(SETTINGS, rounds=2, schedule="zero").plan())
    assert [(now.beta, now.acted) for now in zero] == [
        (1.0, "expert"), (0.0, "learner"), (0.0, "learner")]  # fmt: skip


def test_effort_shortens_what_bounds_the_training() -> None:
    by_epochs = experiment(**{"training.epochs": 10, "training.minutes": 4.0})
    short = replace(SETTINGS, effort=0.3).shortened(by_epochs).training
    assert (short.epochs, short.steps, short.minutes) == (3, None, 1.2)
    by_steps = replace(by_epochs, training=TrainingConfig(steps=1000, warmup=100))
    warm = replace(SETTINGS, warm_start=True).shortened(by_steps).training
    assert (warm.epochs, warm.steps, warm.warmup) == (None, 250, 25)
    assert SETTINGS.shortened(by_steps) == by_steps


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rounds": 0}, "field 'rounds': is 0, expected at least 1"),
        ({"episodes_first": 0}, "field 'episodes_first': is 0, expected at least 1"),
        ({"episodes_a_round": -1}, "field 'episodes_a_round': is -1, expected at least 1"),
        ({"first_seed": -1}, "field 'first_seed': is -1, expected 0 or more"),
        ({"schedule": "cosine"}, "'cosine' is none of exponential, linear, zero"),
        ({"decay": 1.0}, "is 1, expected at least 0 and less than 1: else the learner never acts"),
        ({"validation_share": 0.9}, "field 'validation_share': is 0.9, expected 0 to 0.5"),
        ({"noise": -0.1}, "field 'noise': is -0.1, expected 0 or more"),
        ({"effort": 0.0}, "field 'effort': is 0, expected more than 0 and at most 1"),
    ],
)
def test_settings_that_make_no_sense(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        replace(SETTINGS, **changes)
    assert said in str(caught.value)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.03])
@pytest.mark.parametrize("first", [2, 4, 10, 25])
def test_an_episode_never_changes_its_split_as_more_come(share: float, first: int) -> None:
    """Or a later learner would be validated on what an earlier one was trained on."""
    for more in range(1, 60):
        earlier, later = parted(first, first, share), parted(first + more, first, share)
        assert set(earlier[0]) <= set(later[0])
        assert set(earlier[1]) <= set(later[1])
        assert sorted([*later[0], *later[1]]) == list(range(first + more))
        assert any(i < first for i in later[1])
        assert abs(len(later[1]) - share * (first + more)) <= 2
    assert parted(7, first, 0.0) == (tuple(range(7)), ())


def test_the_label_is_the_experts_whoever_acted(done: Path) -> None:
    data = Dataset.open(done / "data")
    assert verify(data) == ()
    assert len(data.episodes) == 4 + 2 * 3
    task, learners = TASK.build(), {}
    for number in (1, 2):
        path = str(round_folder(done / "run", number))
        learners[number] = SavedPolicy(path=path).build(task)
    for record in data.episodes:
        episode = data.episode(record.index)
        info, executed = episode.info, episode.annotation["executed_action"]
        seen = [{n: a[t] for n, a in episode.observation.items()} for t in range(len(episode))]
        np.testing.assert_array_equal(episode.action, [steer(o) for o in seen])
        by_expert = taught(info["seed"], len(episode), info["beta"])
        assert info["expert_steps"] == by_expert.sum()
        np.testing.assert_array_equal(executed[by_expert], episode.action[by_expert])
        if info["round"] == 0:
            assert (info["acted"], info["beta"], by_expert.all()) == ("expert", 1.0, True)
            continue
        assert info["acted"] == "mixture"
        learner = learners[info["round"]]
        learner.reset(info["seed"], episode.instruction)
        own = np.array([learner.act(observation) for observation in seen])
        np.testing.assert_array_equal(executed[~by_expert], own[~by_expert])
        assert not np.array_equal(executed, episode.action)


def test_demonstrations_may_be_disturbed_and_keep_their_labels(tmp_path: Path) -> None:
    go(tmp_path, settings=replace(SETTINGS, rounds=1, noise=0.05, schedule="zero"))
    data = Dataset.open(tmp_path / "data")
    for record in data.episodes:
        episode = data.episode(record.index)
        seen = [{n: a[t] for n, a in episode.observation.items()} for t in range(len(episode))]
        np.testing.assert_array_equal(episode.action, [steer(o) for o in seen])
    shown = data.episode(0)
    apart = (shown.annotation["executed_action"] - shown.action)[:, :2]
    assert shown.info["acted"] == "expert"
    assert 0.02 < apart.std() < 0.06
    assert abs(apart.mean()) < 0.03


def test_the_run_acts_and_is_judged_like_any_other(done: Path, tmp_path: Path) -> None:
    task = TASK.build()
    acted = rollout(task, SavedPolicy(path=str(done / "run")).build(task), 500)
    assert not acted.crashed, acted.detail
    results = judge_offline(done / "run")
    assert set(results["offline"]) == {"validation"}
    how = Rollouts(n=2, first_seed=900, workers=0, references=(), clips=0)
    results = judge_closed_loop(done / "run", {"point": TASK}, how)
    assert results["rollouts"]["point"]["n"] == 2
    assert results["dagger"]["queries"] == Dataset.open(done / "data").steps
    with pytest.raises(InputError, match="were demonstrated"):
        judge_closed_loop(done / "run", {"point": TASK}, replace(how, first_seed=8))


def test_a_rounds_learner_is_judged_on_what_there_was_when_it_was_trained(done: Path) -> None:
    whole = Dataset.open(done / "data")
    learner = round_folder(done / "run", 2)
    then = open_dataset(read_json(learner / "results.json"))
    assert len(then.episodes) == 7
    assert set(then.split("train")) == {i for i in whole.split("train") if i < 7}
    np.testing.assert_array_equal(then.action, whole.action[: then.steps])
    assert set(judge_offline(learner)["offline"]) == {"validation"}
    changed = {"dataset": {"path": str(done / "data"), "fingerprint": "0", "episodes": 7}}
    with pytest.raises(InputError, match="is not the data that the run was trained on"):
        open_dataset(changed)


def test_the_curve_counts_what_the_expert_was_asked(done: Path) -> None:
    found = read_json(done / "run" / "results.json")["dagger"]
    data = Dataset.open(done / "data")
    assert [row["episodes"] for row in found["rounds"]] == [4, 7, 10]
    for row in found["rounds"]:
        mine = [e for e in data.episodes if e.info["round"] == row["round"]]
        assert row["steps"] == sum(e.length for e in mine)
        assert row["expert_share"] == sum(e.info["expert_steps"] for e in mine) / row["steps"]
        assert row["successes"] == sum(bool(e.success) for e in mine)
        assert row["return"]["mean"] == pytest.approx(np.mean([e.info["return"] for e in mine]))
        assert (row["training_loss"] is None) == (row["round"] == 0)
    assert found["queries"] == found["rounds"][-1]["queries"] == data.steps
    assert found["expert"] == {"actor": "ObjectActor", "actor_config": {"name": "steer"}}


def test_the_page_names_every_figure_and_its_example_runs(done: Path, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "dagger.md").read_text()
    named = set(re.findall(r"`(\w+)`", page))
    found = read_json(done / "run" / "results.json")["dagger"]
    for entry in (found, found["rounds"][1], found["rounds"][1]["return"]):
        assert set(entry) <= named
    made: dict[str, Any] = {}
    exec(compile(re.findall(r"```python\n(.*?)```", page, re.S)[0], "dagger.md", "exec"), made)
    assert made["corrected"](tmp_path)["dagger"]["episodes"] == 6


def test_demonstrations_that_failed_are_left_out_and_corrected_ones_are_not(tmp_path: Path) -> None:
    """The task's own expert closes its hand too early now and then."""
    settings = replace(SETTINGS, episodes_first=12)
    found = go(tmp_path, expert=None, settings=settings, task=point_task.Config())["dagger"]
    first = found["rounds"][0]
    assert first["stored"] == first["successes"] < first["played"] == 12
    data = Dataset.open(tmp_path / "data")
    later = [e for e in data.episodes if e.info["round"] > 0]
    assert len(later) == 6
    assert not all(e.success for e in later)
    assert all(e.success for e in data.episodes if e.info["round"] == 0)
    assert len(list(read_lines(tmp_path / "data" / "dagger.jsonl"))) == 12 + 6


def test_a_recipe_that_takes_the_last_weights_needs_no_validation(tmp_path: Path) -> None:
    last = experiment(**{"training.choose": "last"})
    go(tmp_path, experiment=last)
    assert set(Dataset.open(tmp_path / "data").splits) == {"train"}
    Agent.from_pretrained(tmp_path / "run")


def test_a_warm_start_goes_on_from_the_last_weights_and_ends_afresh(tmp_path: Path) -> None:
    still = experiment(**{"training.learning_rate": 1e-12, "training.epochs": 8})
    settings = replace(SETTINGS, warm_start=True)
    go(tmp_path, settings=settings, experiment=still)
    trained = [round_folder(tmp_path / "run", n) for n in (1, 2)]
    first, second = (Agent.from_pretrained(f).model.state_dict() for f in trained)
    assert all(torch.allclose(first[n], second[n], atol=1e-6) for n in first)
    assert read_json(trained[0] / "results.json")["training"]["epochs"] == 2
    assert read_json(tmp_path / "run" / "results.json")["training"]["epochs"] == 8


class Cut(BaseException):
    """Ends a run wherever it is, as a kill would."""


def cut_after(ticks: int) -> Callable[[str, int, int], None]:
    """A progress callback that raises at one of its calls."""
    left = [ticks]

    def tell(what: str, done: int, total: int) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Cut

    return tell


def same(ours: Path, theirs: Path) -> None:
    """Every byte of the data, every weight of the model, every figure but times."""
    a, b = Dataset.open(ours / "data"), Dataset.open(theirs / "data")
    assert a.fingerprint() == b.fingerprint()
    assert a.splits == b.splits
    assert [dict(e.info) for e in a.episodes] == [dict(e.info) for e in b.episodes]
    assert verify(a) == ()
    models = [Agent.from_pretrained(f / "run").model.state_dict() for f in (ours, theirs)]
    assert all(torch.equal(models[0][n], models[1][n]) for n in models[0])
    rows = [read_json(f / "run" / "results.json")["dagger"]["rounds"] for f in (ours, theirs)]
    plain = [[{k: v for k, v in row.items() if "seconds" not in k} for row in r] for r in rows]
    assert plain[0] == plain[1]


@pytest.mark.parametrize("tick", [2, 4, 10, 13, 15, 36, 45])
def test_cut_anywhere_it_goes_on_to_the_same_end(done: Path, tmp_path: Path, tick: int) -> None:
    """In the demonstrations, in a training, in a round, between any of them."""
    with pytest.raises(Cut):
        go(tmp_path, progress=cut_after(tick))
    go(tmp_path, resume=True)
    same(tmp_path, done)


@pytest.mark.parametrize(
    ("owner", "name", "call"),
    [
        (dagger_episodes, "append_line", 5),
        (dagger_episodes, "write_splits", 1),
        (dagger_episodes, "write_splits", 2),
        (store, "write_manifest", 4),
        (store, "write_manifest", 6),
        (dagger_module, "curve", 1),
    ],
)
def test_cut_between_two_writes_it_goes_on_to_the_same_end(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, call: int
) -> None:
    """An episode without its line, a dataset that was never closed, one without a split."""
    calls, real = [0], getattr(owner, name)

    def once(*words: Any, **named: Any) -> Any:
        calls[0] += 1
        if calls[0] == call:
            raise Cut
        return real(*words, **named)

    monkeypatch.setattr(owner, name, once)
    with pytest.raises(Cut):
        go(tmp_path)
    go(tmp_path, resume=True)
    same(tmp_path, done)


def test_cut_again_and_again(done: Path, tmp_path: Path) -> None:
    cuts = 0
    while not (tmp_path / "run" / "model").exists():
        with suppress(Cut):
            go(tmp_path, resume=True, progress=cut_after(12))
        cuts += 1
        assert cuts < 20
    assert cuts > 3
    same(tmp_path, done)


def test_a_finished_run_resumes_to_itself(done: Path) -> None:
    before = {f: f.stat().st_mtime_ns for f in done.rglob("*") if f.is_file()}
    go(done, resume=True)
    assert {f: f.stat().st_mtime_ns for f in done.rglob("*") if f.is_file()} == before


SCRIPT = """
    import os, signal, sys
    from pathlib import Path
    from tests.studies.test_dagger import go

    left = [int(sys.argv[2])]

    def kill(what, done, total):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    if __name__ == "__main__":
        go(Path(sys.argv[1]), progress=kill, workers=int(sys.argv[3]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("ticks", "workers"), [(2, 0), (9, 0), (14, 2), (45, 0)])
def test_killed_it_goes_on_to_the_same_end(
    done: Path, tmp_path: Path, ticks: int, workers: int
) -> None:
    """A real SIGKILL: in the demonstrations, in a training, in a round, in the last training."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    ended = subprocess.run(
        [sys.executable, str(script), str(tmp_path), str(ticks), str(workers)], check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, timeout=100,
    )  # fmt: skip
    assert ended.returncode == -signal.SIGKILL
    for _ in range(50):
        with suppress(StorageError):  # until its workers end by themselves, and free the folder
            go(tmp_path, resume=True)
            break
        time.sleep(0.1)
    same(tmp_path, done)


def wide(observation: Any) -> np.ndarray:
    return np.zeros(4, np.float32)


def undecided(observation: Any) -> np.ndarray:
    return np.array([0.0, 0.0, 7.0], np.float32)


def infinite(observation: Any) -> np.ndarray:
    return np.array([np.inf, 0.0, 1.0], np.float32)


def broken(observation: Any) -> np.ndarray:
    raise KeyError("velocity")


@dataclass(frozen=True, kw_only=True)
class NoExpert:
    """The point task, which nobody can demonstrate."""

    def build(self) -> Any:
        task = TASK.build()

        def expert(rng: np.random.Generator) -> Any:
            raise InputError("has no expert; give one with --expert", field="task")

        task.expert = expert  # type: ignore[method-assign]
        return task


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"expert": wide}, "field 'expert': returned shape (4,), expected a finite action of shape "
                           "(3,): velocity[2 m/s], gripper[1]"),
        ({"expert": undecided}, "field 'expert': returned 7 for 'gripper', expected a class index "
                                "0..2 (open, stay, close)"),
        ({"expert": infinite}, "field 'expert': returned [inf, 0.0, 1.0]"),
        ({"expert": broken}, "field 'expert': raised KeyError: 'velocity'"),
        ({"expert": 3}, "field 'expert': 3 is a int"),
        ({"expert": "no_such_module:expert"}, "'no_such_module:expert' cannot be imported"),
        ({"expert": None, "task": NoExpert()}, "has no expert; give one with --expert"),
        ({"experiment": experiment(**{"data.view": replace(experiment().data.view,
                                                           cameras=("wrist",))})},
         "field 'data.view.cameras': the task has no camera 'wrist'; there are camera"),
        ({"experiment": experiment(**{"data.view": replace(experiment().data.view, size=7,
                                                           cameras=("camera",))})},
         "field 'size': 7 does not divide the image's 16x16"),
        ({"experiment": experiment(**{"model.dropout": 2.0})}, "field 'model': dropout"),
        ({"experiment": None, "recipe": "jaco_play.our"},
         "no recipe named 'jaco_play.our'. Did you mean 'jaco_play.ours'"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_before_anything_is_written(
    tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(BydemoError) as caught:
        go(tmp_path, **options)
    assert said in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_expert_that_never_succeeds_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(SimulationError) as caught:
        go(tmp_path, expert=lambda observation: np.array([0, 0, 1], np.float32))
    assert str(caught.value) == (
        "none of 4 demonstrations of the expert could be stored: time-out 4"
    )
    assert list(tmp_path.iterdir()) == []


def test_other_folders_and_other_settings_are_refused(done: Path, tmp_path: Path) -> None:
    before = {f: f.stat().st_mtime_ns for f in done.rglob("*")}
    with pytest.raises(InputError, match="data: already exists; resume, or choose another path"):
        go(done)
    with pytest.raises(InputError, match="run: already holds a run; resume it or choose another"):
        dagger(TASK, tmp_path / "data", done / "run", recipe=RECIPE, experiment=experiment(),
               expert=steer, settings=SETTINGS, workers=0)  # fmt: skip
    for options, said in (
        ({"settings": replace(SETTINGS, decay=0.25)},
         r"field 'source\.actor_config\.decay': was 0\.5, is now 0\.25; go on with the same"),
        ({"task": point_task.Config(max_steps=29)},
         r"field 'source\.task_config': was .*30.* is now .*29"),
        ({"expert": wide}, "returned shape"),
        ({"expert": None}, r"field 'source\.actor_config\.expert'"),
        ({"experiment": experiment(**{"training.epochs": 3})},
         r"field 'source\.actor_config\.experiment'"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=said):
            go(done, resume=True, **options)
    assert {f: f.stat().st_mtime_ns for f in done.rglob("*")} == before


def test_going_on_with_another_verbs_dataset_is_refused(tmp_path: Path) -> None:
    from bydemo.evaluation.record import record

    record(TASK, tmp_path / "data", episodes=4, workers=0, split=None, keep_failures=True)
    with pytest.raises(InputError, match="was recorded by ExpertActor, not by DAgger"):
        go(tmp_path, resume=True)


def test_a_learner_that_was_removed_midway_is_named(done: Path, tmp_path: Path) -> None:
    with pytest.raises(Cut):
        go(tmp_path, progress=cut_after(14))  # while it acts in round 1
    (tmp_path / "run" / "rounds").rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"round-01: is missing, though .*data holds episodes"):
        go(tmp_path, resume=True)
    (tmp_path / "elsewhere").rename(tmp_path / "run" / "rounds")
    go(tmp_path, resume=True)
    same(tmp_path, done)
