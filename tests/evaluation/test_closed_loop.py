import json
from dataclasses import replace

import av
import numpy as np
import pytest
from tests.evaluation import line_task, point_task

from bydemo.core.errors import InputError, MismatchError, SimulationError, UnknownNameError
from bydemo.core.results import write_json
from bydemo.evaluation.actors import ExpertActor, RandomActor, StillActor
from bydemo.evaluation.closed_loop import compare, evaluate, task_config
from bydemo.evaluation.teaching import as_factory

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
    assert (found.rate.n, found.returns.n) == (15, 15)
    assert found.rate.verdict == found.returns.verdict == "better"
    assert compare(bad, good, ours_name="b", theirs_name="a").rate.verdict == "worse"
    plain = found.to_json()
    assert (plain["verdict"], plain["return"]["verdict"]) == ("better", "better")
    assert plain["return"]["value"] == plain["value"]  # this task pays 1 for success, else nothing
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


LINE = line_task.Config()


def test_a_task_judged_by_return_is_shown_between_doing_nothing_and_the_expert(tmp_path):
    found = evaluate(LINE, as_factory(line_task.towards), seeds=range(20), workers=0,
                     references=None)  # fmt: skip
    assert found["judged_by"] == "return"
    assert list(found["references"]) == ["expert", "still", "random"]
    returns = np.array([row["return"] for row in found["episodes"]])
    stated = found["return"]
    assert stated["mean"] == pytest.approx(returns.mean())
    assert stated["standard_error"] == pytest.approx(returns.std(ddof=1) / np.sqrt(20))
    assert stated["low"] < stated["mean"] < stated["high"]
    assert (stated["worst"], stated["worst_seed"]) == (returns.min(), int(returns.argmin()))
    ours, still, expert = (stated["mean"], found["references"]["still"]["return"]["mean"],
                           found["references"]["expert"]["return"]["mean"])  # fmt: skip
    assert found["score"]["value"] == pytest.approx(100 * (ours - still) / (expert - still))
    assert found["score"]["low"] <= found["score"]["value"] <= found["score"]["high"]
    gap = found["references"]["expert"]["policy_minus_this_return"]
    assert gap["value"] == pytest.approx(ours - expert)
    assert gap["n"] == 20
    better = found["references"]["random"]["policy_minus_this_return"]
    assert better["verdict"] == "better"
    assert found["references"]["still"]["judged_by"] == "return"
    write_json(tmp_path / "entry.json", found)
    assert json.loads((tmp_path / "entry.json").read_text())["return"] == stated


def test_without_a_goal_there_is_no_rate():
    blind = replace(LINE, knows_goal=False)
    found = evaluate(blind, ExpertActor(), seeds=range(4), workers=0, references=("still",))
    assert [found[key] for key in ("n", "successes", "rate", "low", "high")] == [4, *[None] * 4]
    assert found["reasons"] == {}
    assert found["by_word"] == []
    assert found["references"]["still"]["policy_minus_this"] is None
    assert found["references"]["still"]["policy_minus_this_return"]["verdict"] == "better"
    plain = compare(found, found, ours_name="a", theirs_name="b").to_json()
    assert list(plain) == ["return"]
    assert plain["return"]["value"] == 0


def test_a_task_without_an_expert_is_judged_beside_the_others():
    found = evaluate(replace(LINE, has_expert=False), StillActor(), seeds=range(3), workers=0,
                     references=None)  # fmt: skip
    assert list(found["references"]) == ["still", "random"]
    assert found["score"] is None
    assert found["notes"] == [
        "no expert beside the policy: field 'expert': there is none: give one with --expert"
    ]
    several = evaluate(replace(LINE, has_expert=False), StillActor(), seeds=range(3), workers=2,
                       references=("expert", "random"))  # fmt: skip
    assert list(several["references"]) == ["random"]
    assert several["notes"] == found["notes"]


def test_a_task_judged_by_success_has_its_usual_references():
    found = evaluate(TASK, GREEDY, seeds=range(3), workers=0, references=None)
    assert list(found["references"]) == ["expert", "random"]
    assert found["judged_by"] == "success"
    assert found["score"] is None


def test_an_actor_that_breaks_off_has_no_return_and_the_simulator_alone_is_excused():
    nan = replace(LINE, trouble="nan", trouble_seeds=(2,))
    found = evaluate(nan, ExpertActor(), seeds=range(4), workers=0, references=("still",))
    assert found["return"]["mean"] is None
    assert found["return"]["worst_seed"] == 2
    assert found["references"]["still"]["policy_minus_this_return"] is None
    crash = replace(LINE, trouble="crash", trouble_seeds=(2,))
    found = evaluate(crash, ExpertActor(), seeds=range(4), workers=0)
    assert (found["return"]["n"], found["crashed"]) == (3, 1)
    assert found["return"]["mean"] is not None
    assert found["n"] == 4


def test_the_lowest_and_the_median_returns_are_filmed_where_no_camera_is(tmp_path):
    found = evaluate(LINE, ExpertActor(), seeds=range(9), workers=0, clips=1, run=tmp_path)
    again = evaluate(LINE, ExpertActor(), seeds=range(9), workers=2, clips=1, run=tmp_path)
    assert found == again
    order = sorted(found["episodes"], key=lambda row: row["return"])
    seeds = sorted([order[0]["seed"], order[4]["seed"]])
    assert [int(path.split("-")[1]) for path in found["clips"]] == seeds
    with av.open(str(tmp_path / found["clips"][0])) as file:
        stream = file.streams.video[0]
        assert (stream.codec_context.width, stream.average_rate) == (160, 10)
        assert sum(1 for _ in file.decode(stream)) == 9 + 9  # the last held for a second
    blind = evaluate(replace(LINE, draws=False), ExpertActor(), seeds=range(3), workers=0,
                     clips=1, run=tmp_path)  # fmt: skip
    assert blind["clips"] == []
    assert blind["notes"] == ["no clips: the task cannot draw itself"]
    assert list((tmp_path / "clips").iterdir()) == []


def test_a_task_without_an_expert_takes_the_one_that_is_named():
    cart = task_config("gym", {"environment": "CartPole-v1"})
    alone = evaluate(cart, StillActor(), seeds=range(4), workers=0, references=None)
    assert alone["score"] is None
    assert "there is no expert for CartPole-v1" in alone["notes"][0]
    beside = evaluate(cart, StillActor(), seeds=range(4), workers=0, references=None,
                      expert=RandomActor())  # fmt: skip
    assert beside["notes"] == []
    assert beside["score"]["value"] == 0.0  # it does nothing, which is what 0 means
    random = beside["references"]["random"]["episodes"]
    assert beside["references"]["expert"]["episodes"] == random
