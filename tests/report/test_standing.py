from pathlib import Path

import pytest

from bydemo.report.measures import compare, measure, measures_in
from bydemo.report.reading import Figure, Run
from bydemo.report.standing import history_free, main_split, standing
from bydemo.report.verdict import verdict_of


def block(value, half=0.01):
    return {"value": value, "low": value - half, "high": value + half}


def run_of(offline=None, rollouts=None, name="r"):
    results = {"offline": offline or {}, "rollouts": rollouts or {}}
    return Run(path=Path(name), name=name, config={}, results=results, metrics=[], best={})


def split_of(policy, others, differences=None, **more):
    candidates = {"policy": policy, **others}
    return {"candidates": candidates, "differences": differences or {}, "episodes": 9, **more}


@pytest.mark.parametrize(
    ("ours", "theirs", "key", "expected"),
    [
        ((1.0, (0.9, 1.1)), (2.0, (1.9, 2.1)), "a.rmse", "better"),
        ((1.0, (0.9, 1.1)), (2.0, (1.9, 2.1)), "a.r2", "worse"),
        ((1.0, (0.9, 1.95)), (2.0, (1.9, 2.1)), "a.rmse", "unclear"),
        ((1.0, None), (2.0, (1.9, 2.1)), "a.rmse", "unclear"),
        ((1.0, (0.9, 1.1)), (2.0, (1.9, 2.1)), "a.unheard_of", "unclear"),
    ],
)
def test_better_is_said_only_where_intervals_keep_apart(ours, theirs, key, expected):
    a, b = (Figure(value=v, interval=i) for v, i in (ours, theirs))
    assert compare(a, b, measure(key)) == expected


def test_direction_is_a_cosine_for_vectors_and_a_share_for_labels():
    found = {m.key: m for m in measures_in([{
        "position.rmse": block(1), "position.direction": block(0.5),
        "gripper.accuracy": block(1), "gripper.direction": block(0.65),
    }])}  # fmt: skip
    assert found["position.direction"].title == "position direction cosine"
    assert not found["position.direction"].in_headline
    assert found["gripper.direction"].write(0.65) == "65.0\u00a0%"
    assert found["gripper.direction"].in_headline


def test_a_baseline_that_looks_at_the_previous_action_is_no_rival():
    offline = {"test": split_of(
        {"g.macro_f1": block(0.7)},
        {"copy previous": {"g.macro_f1": block(0.99)}, "majority": {"g.macro_f1": block(0.3)}},
        history_free=["policy", "majority"],
    )}  # fmt: skip
    run = run_of(offline)
    assert history_free(run, "test") == ["majority"]
    found = standing(run, "test", measure("g.macro_f1"))
    assert (found.rival, found.outcome) == ("majority", "better")


def test_a_paired_difference_decides_over_the_two_intervals():
    key = "g.macro_f1"
    for low, high, expected in (
        (0.01, 0.05, "better"),
        (-0.05, -0.01, "worse"),
        (-1, 1, "unclear"),
    ):
        offline = {"test": split_of(
            {key: block(0.70, 0.2)}, {"majority": {key: block(0.68, 0.2)}},
            {"majority": {key: {"value": 0, "low": low, "high": high}}},
        )}  # fmt: skip
        assert standing(run_of(offline), "test", measure(key)).outcome == expected


def test_one_rival_that_is_better_makes_it_worse_whoever_is_strongest():
    key = "g.macro_f1"
    offline = {"test": split_of(
        {key: block(0.5)}, {"a": {key: block(0.9)}, "b": {key: block(0.1)}},
    )}  # fmt: skip
    found = standing(run_of(offline), "test", measure(key))
    assert (found.rival, found.outcome) == ("a", "worse")


def test_the_verdict_speaks_of_test_before_other_splits_and_never_of_training_data():
    assert main_split(run_of({"train": {}, "validation": {}, "test": {}})) == "test"
    assert main_split(run_of({"train": {}, "validation": {}})) == "validation"
    assert main_split(run_of({"train": {}})) is None


def test_an_unjudged_run_claims_nothing():
    assert verdict_of([run_of()])[0].startswith("Not judged yet")


def test_offline_figures_alone_do_not_pass_for_success():
    offline = {"test": split_of({"g.macro_f1": block(0.7)}, {"m": {"g.macro_f1": block(0.3)}})}
    said = " ".join(verdict_of([run_of(offline)]))
    assert "predicts better than every trivial baseline by g macro F1" in said
    assert "Nothing has been rolled out in closed loop" in said


def test_a_rate_is_said_with_its_n_and_interval():
    rollouts = {"pick": {"n": 100, "successes": 93, "rate": 0.93, "low": 0.863, "high": 0.966}}
    headline = verdict_of([run_of(rollouts=rollouts)])[0]
    assert headline == (
        "On its own, the policy succeeds in 93 of 100 rollouts (93\u00a0%, 95\u00a0% interval "
        "86 to 97\u00a0%) of pick."
    )


@pytest.mark.parametrize(
    ("verdict", "words"),
    [("better", "a succeeds more often at pick"), ("worse", "a succeeds less often at pick"),
     ("cannot tell from n = 20 seeds", "at pick they cannot be told apart")],
)  # fmt: skip
def test_two_runs_are_compared_by_the_paired_verdict(verdict, words):
    rollouts = {"pick": {"n": 20, "successes": 12, "low": 0.38, "high": 0.78}}
    runs = [run_of(rollouts=rollouts, name="a"), run_of(rollouts=rollouts, name="b")]
    difference = {"value": 0.1, "low": -0.05, "high": 0.25, "verdict": verdict, "n": 20}
    headline = verdict_of(runs, [{"rollouts": {"pick": difference}, "offline": {}}])[0]
    assert headline.startswith(f"a against b: {words}")
    assert "+10 points, 95\u00a0% interval \u22125 to +25, 20 shared seeds" in headline


def test_runs_of_different_tasks_say_why_they_are_not_compared():
    runs = [run_of(name="a"), run_of(name="b")]
    compared = {"rollouts": {"pick": {"problem": "pick was another task for each"}}, "offline": {}}
    assert "pick was another task for each" in verdict_of(runs, [compared])[0]
