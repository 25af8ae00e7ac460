import json
from dataclasses import replace

import numpy as np
import pytest
from tests.evaluation.latent.made import LATENT, NOISE, halves, made

from bydemo.core.errors import InputError
from bydemo.core.results import write_json
from bydemo.evaluation.episode_sums import total
from bydemo.evaluation.latent.analysis import MAP, PROBES, analyse
from bydemo.evaluation.latent.probes import figures_of


def test_all_figures_together_are_plain_and_the_same_each_time(tmp_path):
    steps = made(episodes=24, length=15)
    train, judged = halves(steps)
    told = []
    found, files = analyse(steps, train, judged, permutations=50,
                            progress=lambda *a: told.append(a))  # fmt: skip
    again, same = analyse(steps, train, judged, permutations=50)
    for name, (a, b) in {"found": (found, again), "files": (files, same)}.items():
        for number, block in enumerate((a, b)):
            write_json(tmp_path / f"{name}-{number}.json", block)
        assert (tmp_path / f"{name}-0.json").read_text() == (
            tmp_path / f"{name}-1.json"
        ).read_text()
    points = files[MAP]
    assert found["episodes"] == 8
    assert found["train_episodes"] == 16
    assert list(found["representations"]) == [LATENT, NOISE]
    assert told[-1][1] == told[-1][2]
    assert len(points["x"]) == len(points["episode"]) == 8 * 15
    named = {t["name"]: t for t in points["targets"]}
    assert set(named) == {"state", "gripper", "skill"}
    assert len(named["state"]["values"]) == 3  # by component
    scopes = {(p["target"], p["representation"], p["scope"]) for p in found["neighbours"]["purity"]}
    assert scopes == {
        (t, r, s) for t in ("gripper", "skill")
        for r, s in ((LATENT, "other_episodes"), (LATENT, "any_episode"), (NOISE, "other_episodes"))
    }  # fmt: skip
    json.loads((tmp_path / "found-0.json").read_text())


def test_the_sums_by_episode_give_the_probes_figures():
    steps = made(episodes=24, length=15)
    train, judged = halves(steps)
    found, files = analyse(steps, train, judged, permutations=5)
    rows = files[PROBES]["targets"]
    assert [row["target"] for row in rows] == ["state", "gripper"]
    assert all(row["episodes"] == sorted(judged) for row in rows)
    for row, block in zip(rows, found["probes"]["targets"], strict=True):
        assert "by_episode" not in block
        for kind in ("linear", "nearest"):
            target = replace(steps.target(row["target"]), rows=None)
            sums = {name: np.array(values) for name, values in row[kind].items()}
            for name, value in figures_of(target)(total(sums)).items():
                told = block["representations"][LATENT][kind][name]["value"]
                assert value == pytest.approx(told)


def test_episodes_for_learning_are_not_for_judging():
    steps = made(episodes=6)
    train, judged = halves(steps)
    with pytest.raises(InputError, match="1 episodes are for learning and for judging"):
        analyse(steps, train, (*judged, train[0]))


def test_one_episode_alone_cannot_be_judged():
    steps = made(episodes=6)
    train, judged = halves(steps)
    with pytest.raises(InputError, match="is one episode"):
        analyse(steps, train, judged[:1])
