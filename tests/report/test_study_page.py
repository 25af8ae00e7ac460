import json
import re

import pytest
from tests.report.studies import HOSTILE, SCORE, study_results, write_study

from bydemo.core.errors import InputError
from bydemo.report.figure_names import figure_name
from bydemo.report.study_page import study_html, write_study_page
from bydemo.report.study_reading import is_study, read_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_study(tmp_path_factory.mktemp("studies") / "pusher")


@pytest.fixture(scope="module")
def html(folder):
    return write_study_page(folder, folder / "report.html").read_text()


def page_of(tmp_path, results):
    (tmp_path / "results.json").write_text(json.dumps(results))
    return study_html(read_study(tmp_path, tmp_path / "report.html"), {})


def section(html, title):
    return re.search(rf"<section[^>]*>\s*<h2>[^<]*{title}.*?</section>", html, re.S).group(0)


def test_the_question_stands_before_its_outcome(html):
    asked = section(html, "Does noise")
    order = [asked.index(words) for words in (
        "Fixed before anything ran", "where the noise goes", "An expert that is pushed off",
        "score, higher is better", "What came out", "dart, 50 is better than plain, 200",
        "Difference to plain, 200 episodes", "Score over demonstrations", "Effects",
        "Other figures", "Settings that differ",
    )]  # fmt: skip
    assert order == sorted(order)


def test_effects_show_value_difference_interval_verdict_basis_and_cost(html):
    row = re.search(r"<tr><th[^>]*>dart, 200 episodes</th>.*?</tr>", section(html, "Does noise"))
    cells = re.sub(r"<[^>]+>", "|", row.group(0))
    for words in ("99.7", "+7.3", "[+4.4, +10.2]", "better", "3 seeds", "\u00d7 100 episodes",
                  "1.2 min", "0.018 CPU-h"):  # fmt: skip
        assert words in cells, words


def test_each_training_seed_is_a_dot_of_its_arm(html):
    chart = re.search(r"<figcaption>Score</figcaption>.*?</figure>", html, re.S).group(0)
    assert chart.count("<circle") == 4 * 3
    assert chart.count('class="mean') == 4
    assert "<title>seed 3: " in chart


def test_the_curve_has_a_line_a_series_over_the_numbers_of_episodes(html):
    chart = re.search(r"<figcaption>Score over demonstrations.*?</figure>", html, re.S).group(0)
    assert chart.count('class="line ') == 2
    assert chart.count("<circle") == 8
    assert ">1,000</text>" in chart


def test_a_rank_correlation_stands_with_its_points(html):
    found = section(html, "Does one figure foretell another")
    assert "\u22120.12 [\u22120.71, +0.58]" in found
    assert "Does validation loss rank score? Cannot tell from n = 10 arms." in found
    assert found.count("<circle") == 10
    assert "<li>plain, 1000 episodes</li>" in found


def test_what_failed_is_listed_with_its_reason_and_hides_no_verdict(html):
    failed = section(html, "What failed")
    assert "TrainingError: the loss is not finite" in failed
    assert "Which learning rate?, trial 4" in failed
    assert "no run of lost has this figure" in section(html, "2. ")
    assert "Not finished: 31 of 33 jobs are done and 1 failed." in html


def test_a_search_names_its_best_trial_and_folds_the_rest(html):
    found = section(html, "Searches")
    assert "trial 3: 95.0" in found
    assert "8 more trials" in found
    assert "best value is too good" in found


def test_all_arms_have_their_figures_parameters_and_costs(html):
    arms = section(html, "All arms")
    assert arms.count("74,247") == 10
    for words in ("91,000", "411 MB", "1 min 1 s", "torque RMSE", "mean action", "2 waiting"):
        assert words in arms, words


def test_reproduction_has_command_versions_machine_and_fingerprints(html):
    found = section(html, "Reproduce it")
    for words in ("bydemo study pusher", "ab" * 32, "0.2.0", "Linux", "quick"):
        assert words in found, words


def test_every_finished_run_with_results_gets_a_page_that_links_back(folder, html):
    links = re.findall(r'href="([^#"][^"]*)"', html)
    pages = [link for link in links if not link.startswith("data:")]
    assert sorted(pages) == sorted([
        *(f"runs/{arm}/seed-{seed}/report.html" for arm in ("plain-200", "dart-200")
          for seed in (1, 2, 3)),
        "runs/expert/once/report.html", "searches/rate/trial-0003/seed-1/report.html",
    ])  # fmt: skip
    for link in pages:
        run = (folder / link).read_text()
        back = re.search(r'class="brand">bydemo <a href="([^"]+)"', run).group(1)
        assert ((folder / link).parent / back).resolve() == (folder / "report.html").resolve()
    second = (folder / "runs/plain-200/seed-2/report.html").read_text()
    assert "<h1>plain, 200 episodes, seed 2</h1>" in second


def test_links_hold_where_the_page_lies_elsewhere(folder, tmp_path):
    page = write_study_page(folder, tmp_path / "deep" / "page.html")
    link = re.search(r'href="([^"]*plain-200/seed-1/report.html)"', page.read_text()).group(1)
    assert (page.parent / link).resolve() == (
        folder / "runs/plain-200/seed-1/report.html"
    ).resolve()


def test_hostile_names_stay_text(html):
    assert html.count("&lt;script&gt;alert(&#39;x&#39;)") >= 8
    assert "<script>alert" not in html
    assert HOSTILE not in html


@pytest.mark.parametrize("place", ["../../elsewhere", "/etc", ""])
def test_a_run_outside_the_study_is_refused_and_nothing_written(tmp_path, place):
    results = study_results()
    results["arms"][0]["runs"][0]["folder"] = place
    (tmp_path / "results.json").write_text(json.dumps(results))
    with pytest.raises(InputError, match=f"the folder '{re.escape(place)}' lies outside the study"):
        write_study_page(tmp_path, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [("schema", "bydemo.study/9", "is 'bydemo.study/9', expected 'bydemo.study/1'"),
     ("arms", {}, "field 'arms': is no list"), ("cost", [], "field 'cost': is no object"),
     ("questions", ["x"], r"field 'questions\.0': is no object"),
     ("questions", [{"effects": ["x"]}], r"field 'questions\.0\.effects\.0': is no object"),
        ("questions", [{"effects": {}}], r"field 'questions\.0\.effects': is no list")],
)  # fmt: skip
def test_a_malformed_file_is_named_with_its_field(tmp_path, field, value, said):
    results = {**study_results(), field: value}
    (tmp_path / "results.json").write_text(json.dumps(results))
    with pytest.raises(InputError, match=said):
        read_study(tmp_path, tmp_path / "report.html")


def test_an_empty_study_and_one_without_any_figure_have_a_page_too(tmp_path):
    assert "This study asks no question." in page_of(tmp_path, {"schema": "bydemo.study/1"})
    results = study_results()
    for arm in results["arms"]:
        arm["figures"] = {}
    for question in results["questions"]:
        question["effects"] = question["conclusions"] = []
    for name in ("cost", "made", "datasets"):
        results[name] = {}
    results["rankings"][0] |= {"points": [], "rho": {"value": None, "low": None, "high": None}}
    html = page_of(tmp_path, results)
    assert "No figures." in html
    assert "Nothing yet." in html
    assert "undefined" in html


def test_a_run_folder_is_no_study_and_a_study_is(folder):
    assert is_study(folder)
    assert not is_study(folder / "runs/plain-200/seed-1")
    assert not is_study(folder / "nowhere")


@pytest.mark.parametrize(
    ("path", "known", "title"),
    [(SCORE, (), "score"), ("rollouts.pick.rate", ("rollouts.all.rate",), "success rate, pick"),
     ("rollouts.all.rate", ("rollouts.pick.rate",), "success rate, all tasks"),
     ("training.loss", (), "validation loss"), ("parameters", (), "parameters"),
     ("offline.test.policy.gripper.macro_f1", (), "gripper macro F1 (test split)"),
     ("offline.test.copy previous.gripper.accuracy", (),
      "gripper accuracy, copy previous (test split)"),
     ("offline.test.policy.position.direction", ("offline.test.policy.position.rmse",),
      "position direction cosine (test split)"),
     ("probe.latent.object_position (out of the hand).linear.r2", (),
      "object position (out of the hand), linear probe, R²"),
     ("probe.pixel components.phase.nearest.macro_f1", (),
      "phase, nearest-neighbour probe, macro F1, of pixel components"),
     ("probe.broken", (), "probe broken"), ("latent.active", (), "active units"),
     ("latent.effective", (), "effective dimension"), ("latent.kl", (), "KL of the latent [nats]"),
     ("latent.kept.image", (), "variance kept, image"),
     ("latent.purity.gripper_action", (), "neighbours with the same gripper action"),
     ("somewhere.else", (), "somewhere else")],
)  # fmt: skip
def test_figures_have_names_in_words(path, known, title):
    assert figure_name(path, known).title == title


def test_shares_are_written_in_per_cent_and_their_differences_in_points():
    rate = figure_name("rollouts.pick.rate")
    found = {"value": 0.085, "low": -0.01, "high": 0.18}
    assert rate.write(0.931) == "93.1\u00a0%"
    assert (rate.write_gap(found), rate.write_gap_range(found)) == ("+8.5", "[\u22121.0, +18.0]")


@pytest.mark.parametrize(
    ("path", "said"),
    [("probe.latent.phase.linear.accuracy", "41.2\u00a0%"),
     ("probe.latent.phase.nearest.accuracy", "41.2\u00a0%"),
     ("latent.kept.image", "41.2\u00a0%"), ("latent.purity.phase", "41.2\u00a0%"),
     ("probe.latent.distance.linear.r2", "0.412"), ("probe.latent.distance.linear.rmse", "0.412"),
     ("latent.active", "0.412"), ("latent.kl", "0.412")],
)  # fmt: skip
def test_of_a_representation_only_shares_are_written_in_per_cent(path, said):
    assert figure_name(path).write(0.412) == said


def test_the_page_of_a_reference_does_not_pretend_that_it_was_trained(folder, html):
    page = (folder / "runs/expert/once/report.html").read_text()
    assert "an actor that was not trained" in page
    assert "At pusher the actor earns" in page
    assert "What was trained on what" not in page
