"""What is read from a run folder: figures, their episodes, and scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.data.small import write_dataset

from bydemo.core.results import read_json, write_json
from bydemo.data.splits import make_split, write_splits
from bydemo.studies import recipes
from bydemo.studies.evidence import Evidence, findings, higher_is_better, scored
from bydemo.studies.judging import judge_offline
from bydemo.studies.run import train_run
from bydemo.studies.work import Here, Judging, TrainAndJudge


def block(returns: list[Any], success: list[Any] | None = None, **config: Any) -> dict[str, Any]:
    wins = success or [None] * len(returns)
    rows = [
        {"seed": s, "steps": 10, "return": value, "success": won}
        | ({"detail": "it broke"} if value == "crash" else {})
        for s, (value, won) in enumerate(zip(returns, wins, strict=True))
    ]
    for row in rows:
        row["return"] = None if row["return"] == "crash" else row["return"]
    return {"task": "push", "task_config": config, "episodes": rows}


def run(folder: Path, **rollouts: Any) -> Path:
    training = {"loss": 0.25, "stopped": "finished", "seconds": 9.0, "parameters": 12}
    write_json(folder / "results.json", {"training": training, "rollouts": rollouts})
    return folder


def test_figures_of_a_run(tmp_path: Path) -> None:
    here = run(tmp_path, push=block([-3.0, -1.0], [True, False]))
    found = findings(here, ["rollouts.push"])
    values = {name: evidence.value for name, evidence in found.items()}
    assert values == {
        "training.loss": 0.25, "parameters": 12.0, "rollouts.push.return": -2.0,
        "rollouts.push.rate": 0.5, "rollouts.push.steps": 10.0,
    }  # fmt: skip
    assert found["rollouts.push.rate"].rate
    assert len(found["rollouts.push.return"].units) == 2


def test_no_goal_no_rate_and_no_end_no_return(tmp_path: Path) -> None:
    found = findings(run(tmp_path / "a", push=block([-3.0, -1.0])), ["rollouts.push"])
    assert "rollouts.push.rate" not in found
    found = findings(run(tmp_path / "b", push=block([-3.0, None], [True, False])),
                     ["rollouts.push"])  # fmt: skip
    assert "rollouts.push.return" not in found


def test_a_crash_counts_as_a_failure_and_not_as_a_return(tmp_path: Path) -> None:
    crashed = block([-3.0, "crash"], [True, False])
    found = findings(run(tmp_path, push=crashed), ["rollouts.push"])
    assert found["rollouts.push.return"].value == -3.0
    assert found["rollouts.push.rate"].value == 0.5


def test_tasks_together(tmp_path: Path) -> None:
    here = run(tmp_path, pick=block([1.0], [True]), place=block([0.0] * 3, [False] * 3, kind=2))
    found = findings(here, ["rollouts.pick", "rollouts.place"])
    assert found["rollouts.all.rate"].value == 0.25
    assert len(set(found["rollouts.all.rate"].units)) == 4


def test_episodes_of_other_tasks_are_others(tmp_path: Path) -> None:
    one, two = (
        findings(run(tmp_path / str(size), push=block([1.0, 2.0], size=size)),
                 ["rollouts.push"])["rollouts.push.return"]
        for size in (1, 2)
    )  # fmt: skip
    assert not set(one.units) & set(two.units)


def test_the_score_runs_from_floor_to_ceiling(tmp_path: Path) -> None:
    runs = {"ours": [-30.0, -20.0], "floor": [-60.0, -50.0], "ceiling": [-20.0, -20.0]}
    read = {
        name: findings(run(tmp_path / name, push=block([*values, 0.0][: 2 + (name == "floor")])),
                       ["rollouts.push"])
        for name, values in runs.items()
    }  # fmt: skip
    score = scored(read["ours"], read["floor"], read["ceiling"])
    assert list(score) == ["rollouts.push.score"]
    assert score["rollouts.push.score"].value == pytest.approx(100 * 30 / 35)
    assert len(score["rollouts.push.score"].units) == 2
    ends = scored(read["floor"], read["floor"], read["ceiling"])["rollouts.push.score"]
    assert ends.value == 0.0


def test_offline_figures_are_those_of_the_run_and_can_be_resampled(tmp_path: Path) -> None:
    small = write_dataset(tmp_path / "data", lengths=[6] * 12)
    data = write_splits(small, make_split(small, "random"))
    changes = {"training.epochs": 1, "training.batch_size": 8}
    train_run(recipes.load("blind")[1](data.spec).changed(changes), data, tmp_path / "run",
              recipe="jaco_play.blind")  # fmt: skip
    judge_offline(tmp_path / "run", ["test"])
    stored = read_json(tmp_path / "run" / "results.json")["offline"]["test"]
    found = findings(tmp_path / "run", ["offline.test"])
    episodes = stored["episodes"]
    for name, figure in stored["candidates"]["policy"].items():
        if not isinstance(figure, dict) or figure["value"] is None:
            continue
        evidence = found[f"offline.test.policy.{name}"]
        assert len(evidence.units) == episodes, name
        if "range" not in name and "direction" not in name:
            # Those are in shares of a range, which the spec does not limit here.
            assert evidence.value == pytest.approx(figure["value"]), name
    plain = found["offline.test.majority.gripper.accuracy"]
    assert plain.value == stored["candidates"]["majority"]["gripper.accuracy"]["value"]
    assert plain.units == ()


def test_what_a_representation_holds_is_read_with_its_episodes(tmp_path: Path) -> None:
    small = write_dataset(tmp_path / "data", lengths=[12] * 20)
    write_splits(small, make_split(small, "random"))
    work = TrainAndJudge(
        recipe="vae", judging=Judging(latent="test"),
        changes={"data.view.size": 8, "training.epochs": 1, "model.latent": 6},
    )  # fmt: skip
    here = Here(folder=tmp_path / "run", seed=1, dataset=small.path)
    stages = work.stages(here)
    assert list(stages) == ["training", "latent"]
    for stage in stages:
        work.do(stage, here)
    block = read_json(here.folder / "results.json")["latent"]
    found = findings(here.folder, stages)
    for target in block["probes"]["targets"]:
        for name, kinds in target["representations"].items():
            for kind in ("linear", "nearest"):
                for figure, told in kinds[kind].items():
                    evidence = found[f"probe.{name}.{target['target']}.{kind}.{figure}"]
                    assert evidence.value == pytest.approx(told["value"])
                    own = block["episodes"] if name == "latent" else 0
                    assert len(evidence.units) == own
    assert found["latent.active"].value == block["dimensions"]["active"]["value"]
    assert found["latent.kl"].value == pytest.approx(block["dimensions"]["kl"]["total"]["value"])
    assert found["latent.kept.image"].value == (
        block["reconstruction"]["image"]["kept"]["value"])  # fmt: skip
    assert "latent.purity.gripper" in found
    assert not [name for name in findings(here.folder, ["training"]) if "latent" in name]


def test_part_of_the_units() -> None:
    sums = {"value": np.array([1.0, 2, 6]), "count": np.ones(3)}
    whole = Evidence.of("abc", sums, lambda s: np.asarray(s["value"] / s["count"]))
    assert whole.value == 3.0
    assert whole.at(["c", "a"]).value == 3.5
    assert Evidence(value=4.0).at([]).value == 4.0


@pytest.mark.parametrize(("figure", "higher"), [
    ("rollouts.push.return", True), ("rollouts.push.score", True), ("training.loss", False),
    ("offline.test.policy.velocity.rmse", False), ("offline.test.policy.gripper.macro_f1", True),
    ("rollouts.push.steps", False), ("parameters", False),
    ("probe.latent.gripper.linear.macro_f1", True), ("probe.latent.pose.linear.rmse", False),
])  # fmt: skip
def test_the_direction_of_a_figure(figure: str, higher: bool) -> None:
    assert higher_is_better(figure) is higher
