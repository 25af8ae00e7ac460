import json
from dataclasses import replace

import av
import pytest
from tests.evaluation import point_task

from bydemo.core.errors import InputError, MismatchError, SimulationError, UnknownNameError
from bydemo.core.results import write_json
from bydemo.evaluation.actors import ExpertActor, StillActor
from bydemo.evaluation.closed_loop import compare, evaluate, task_config

TASK = point_task.Config()
GREEDY = point_task.GreedyActor()


def test_the_entry_holds_the_rate_its_n_interval_and_reasons(tmp_path):
    found = evaluate(TASK, ExpertActor(), seeds=range(30), workers=0)
    assert found["n"] == 30
    assert found["successes"] == sum(row["success"] for row in found["episodes"])
    assert found["low"] < found["rate"] < found["high"] <= 1
    assert found["reasons"] == {"missed grasp": 30 - found["successes"]}
    assert found["seeds"] == [row["seed"] for row in found["episodes"]] == list(range(30))
    assert found["task"] == "point_task"
    assert found["task_config"]["max_steps"] == 40
    sides = {g["value"]: g["n"] for g in found["by_instruction"]}
    assert sum(sides.values()) == 30
    assert {g["value"] for g in found["by_word"]} == {"left", "right"}
    write_json(tmp_path / "entry.json", found)
    assert json.loads((tmp_path / "entry.json").read_text())["rate"] == found["rate"]


def test_the_same_evaluation_twice_and_with_other_workers_is_identical(tmp_path):
    options = {"seeds": range(5, 17), "references": ("expert", "random", "still"), "clips": 1}
    entries = [evaluate(TASK, GREEDY, workers=n, run=tmp_path / str(i), **options)
               for i, n in enumerate((0, 0, 2))]  # fmt: skip
    assert entries[0] == entries[1] == entries[2]


def test_references_act_on_the_same_seeds_and_are_compared_in_pairs():
    found = evaluate(TASK, GREEDY, seeds=range(40), workers=0,
                     references=("expert", "still"))  # fmt: skip
    still, expert = found["references"]["still"], found["references"]["expert"]
    assert still["successes"] == 0
    assert still["reasons"] == {"time-out": 40}
    assert still["policy_minus_this"]["verdict"] == "better"
    assert expert["seeds"] == found["seeds"]
    assert expert["policy_minus_this"]["n"] == 40
    few = evaluate(TASK, GREEDY, seeds=range(3), workers=0, references=("expert",))
    verdict = few["references"]["expert"]["policy_minus_this"]["verdict"]
    assert verdict == "cannot tell from n = 3 seeds"
    with pytest.raises(InputError, match="'oracle' is none of expert, random, still"):
        evaluate(TASK, GREEDY, seeds=range(2), workers=0, references=("oracle",))


def test_two_policies_are_compared_on_the_seeds_they_share():
    good = evaluate(TASK, GREEDY, seeds=range(20), workers=0)
    bad = evaluate(TASK, StillActor(), seeds=range(5, 25), workers=0)
    found = compare(good, bad, ours_name="a", theirs_name="b")
    assert found.n == 15
    assert found.verdict == "better"
    assert compare(bad, good, ours_name="b", theirs_name="a").verdict == "worse"
    other = evaluate(replace(TASK, max_steps=39), GREEDY, seeds=range(20), workers=0)
    with pytest.raises(
        MismatchError, match="a and b were judged on different tasks: max_steps 40 against 39"
    ):
        compare(good, other, ours_name="a", theirs_name="b")
    apart = evaluate(TASK, GREEDY, seeds=range(100, 102), workers=0)
    with pytest.raises(MismatchError, match="a and b share no seed"):
        compare(good, apart, ours_name="a", theirs_name="b")


def test_a_crashed_episode_stays_in_the_denominator():
    broken = replace(TASK, trouble="crash", trouble_seeds=(1, 2))
    found = evaluate(broken, GREEDY, seeds=range(6), workers=0)
    assert (found["n"], found["crashed"], found["retried"]) == (6, 2, 2)
    assert found["reasons"]["crashed"] == 2
    with pytest.raises(SimulationError) as caught:
        evaluate(broken, GREEDY, seeds=(1, 2), workers=0)
    assert str(caught.value) == (
        "all 2 episodes of the policy crashed; the first: crashed: "
        "RuntimeError: the simulator fell over"
    )


def test_a_policy_that_says_nan_fails_every_episode_with_that_reason():
    broken = point_task.GreedyActor(not_a_number=True)
    found = evaluate(TASK, broken, seeds=range(8), workers=0)
    assert found["successes"] < 3  # those that arrive before it breaks down
    assert found["reasons"] == {"non-finite action": 8 - found["successes"]}


def test_seeds_must_differ():
    for seeds in ((), (1, 1)):
        with pytest.raises(InputError, match="expected at least one and no two alike"):
            evaluate(TASK, GREEDY, seeds=seeds, workers=0)


def test_an_unknown_task_or_option_is_answered_with_near_names():
    with pytest.raises(UnknownNameError, match="Did you mean 'jaco_pick_place'"):
        task_config("jaco_pickplace")
    with pytest.raises(UnknownNameError, match=r"'max_step'.*Did you mean 'max_steps'"):
        task_config("jaco_pick_place", {"max_step": 3})
    assert task_config("jaco_pick_place", {"max_steps": 30}).max_steps == 30


def test_clips_show_the_first_successes_and_failures(tmp_path):
    found = evaluate(TASK, ExpertActor(), seeds=range(30), workers=0, clips=2, run=tmp_path)
    failed = [row["seed"] for row in found["episodes"] if not row["success"]][:2]
    done = [row["seed"] for row in found["episodes"] if row["success"]][:2]
    names = [f"clips/point_task-{s}-success.mp4" for s in done]
    names += [f"clips/point_task-{s}-missed-grasp.mp4" for s in failed]
    assert sorted(found["clips"]) == sorted(names)
    for name in names:
        with av.open(str(tmp_path / name)) as file:
            stream = file.streams.video[0]
            assert stream.codec_context.name == "h264"
            assert stream.codec_context.pix_fmt == "yuv420p"
            assert sum(1 for _ in file.decode(stream)) > 10
        content = (tmp_path / name).read_bytes()
        assert content.index(b"moov") < content.index(b"mdat")  # plays before it is all there
    again = evaluate(TASK, ExpertActor(), seeds=range(100, 103), workers=0, clips=1, run=tmp_path)
    left = [f"clips/{path.name}" for path in (tmp_path / "clips").iterdir()]
    assert sorted(left) == sorted(again["clips"])  # those of the earlier evaluation are gone
