import json
import re

import pytest
from tests.report.pusher_runs import rollouts, write_pusher_run

from bydemo.core.results import write_json
from bydemo.report.reading import read_runs
from bydemo.report.returns import judged_by_return, return_gap_text, return_text, signed
from bydemo.report.run_report import report_html


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    base = tmp_path_factory.mktemp("pusher")
    return {
        "ours": write_pusher_run(base / "ours", "ours"),
        "homework": write_pusher_run(base / "homework", "homework", mean=-25.1),
        "no goal": write_pusher_run(base / "goalless", "goalless", goal=False),
    }


def page(*folders, compared=()):
    return report_html(read_runs(folders), compared)


def headline(html):
    return re.search(r'<p class="headline">(.*?)</p>', html, re.S).group(1)


def tiles(html):
    return dict(re.findall(r'tile-name">(.*?)</span><span class="tile-value">(.*?)<', html))


def test_a_task_judged_by_return_is_told_by_return_and_score_with_success_beside(folders):
    html = page(folders["ours"])
    assert headline(html).startswith(
        "At pusher the policy earns a return of \u221223.12 \u00b1 0.31 "
    )
    for words in ("n = 100", "worst \u2212", "score 98.5 (95\u00a0% interval 97.2 to 99.9",
                  "succeeds in 98 of 100 rollouts"):  # fmt: skip
        assert words in headline(html), words
    found = tiles(html)
    assert list(found) == ["Pusher, return", "Pusher, score", "Pusher, success"]
    assert found["Pusher, success"] == "98\u00a0%"
    for words in ("Return beside the expert&#39;s", "Policy minus expert, seed by seed",
                  "policy minus expert is \u22120.69", "furthest behind at seed",
                  "Success rate", "goal missed", "Gradient norm"):  # fmt: skip
        assert words in html, words


def test_without_a_known_goal_nothing_is_said_of_success(folders):
    html = page(folders["no goal"])
    assert "succeeds" not in headline(html)
    assert list(tiles(html)) == ["Pusher, return", "Pusher, score"]
    assert "Success rate" not in html
    assert "Why it failed" not in html
    assert "Seeds" not in html


def test_every_episode_is_a_dot_with_its_seed(folders):
    html = page(folders["no goal"])
    chart = re.search(r"<figcaption>Return</figcaption>.*?</figure>", html, re.S).group(0)
    assert chart.count("<circle") == 4 * 100  # the policy, the expert, standing still, random
    assert "<title>seed 17: " in chart


def test_runs_are_compared_by_the_returns_of_shared_seeds(folders):
    gap = {"value": 2.2, "low": 1.9, "high": 2.5, "verdict": "better", "n": 100}
    html = page(folders["ours"], folders["homework"],
                compared=[{"rollouts": {"pusher": {"return": gap}}}])  # fmt: skip
    assert headline(html) == (
        "ours against homework: ours earns more at pusher: "
        "+2.20 (95\u00a0% interval +1.90 to +2.50, n = 100)."
    )


def test_returns_that_cannot_be_told_apart_are_not_ranked(folders):
    gap = {"value": 0.1, "low": -0.2, "high": 0.4, "verdict": "cannot tell from n = 100 seeds"}
    html = page(folders["ours"], folders["homework"],
                compared=[{"rollouts": {"pusher": {"return": gap}}}])  # fmt: skip
    assert "at pusher their returns cannot be told apart: +0.10" in headline(html)


def test_a_success_task_with_rewards_stays_told_by_success():
    block = rollouts(-22.9)
    assert judged_by_return(block)
    assert not judged_by_return({**block, "judged_by": "success"})
    assert judged_by_return({**block, "judged_by": "success", "rate": None})
    assert not judged_by_return({"n": 3, "successes": 2, "rate": 2 / 3})


def test_an_unknown_return_says_which_episode_broke_off():
    block = {"n": 3, "return": {"n": 3, "mean": None, "standard_error": None, "worst_seed": 7}}
    assert return_text(block) == "unknown, since the episode with seed 7 broke off"
    one = {"return": {"n": 1, "mean": -3.25, "standard_error": None, "low": None, "high": None}}
    assert return_text(one) == "\u22123.25 (mean and standard error, n = 1)"


def test_a_gap_without_interval_claims_none():
    assert (
        return_gap_text({"value": -1.5, "low": None, "high": None, "n": 1}) == "\u22121.50 (n = 1)"
    )
    assert return_gap_text({}) == ""
    assert signed(2.0, 0.05) == "+2.00"


def test_notes_and_rounds_of_dagger_are_shown(tmp_path):
    folder = write_pusher_run(tmp_path / "r", "r", n=5)
    results = json.loads((folder / "results.json").read_text())
    results["rollouts"]["pusher"]["notes"] = ["no expert beside the policy: there is none"]
    results["dagger"] = {"rounds": [
        {"round": k, "beta": 1.0 - k, "acted": "expert", "played": 10, "stored": 10, "steps": 1000,
         "episodes": 10 * (k + 1), "queries": 1000 * (k + 1), "expert_share": 1.0 - k,
         "return": {"n": 10, "mean": -22.0 - k, "standard_error": 0.5} if k else None,
         "successes": 9, "training_loss": 0.01 if k else None}
        for k in range(2)
    ]}  # fmt: skip
    write_json(folder / "results.json", results)
    html = page(folder)
    assert "no expert beside the policy" in html
    assert "Asking the expert" in html
    assert "\u221223.0 \u00b1 0.5" in html
