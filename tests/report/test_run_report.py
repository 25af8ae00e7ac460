import re

import pytest

from bydemo.core.errors import InputError
from bydemo.report.reading import read_runs
from bydemo.report.run_report import report_html, write_report


@pytest.fixture(scope="module")
def runs(make_run, tmp_path_factory):
    base = tmp_path_factory.mktemp("runs")
    return [
        make_run(base / "ours", "ours"),
        make_run(base / "tuned", "tuned", rmse=0.09, f1=0.69, successes=44),
    ]


@pytest.fixture(scope="module")
def one(runs):
    return report_html(read_runs(runs[:1]))


def test_a_report_holds_all_that_a_reader_needs(one):
    for words in (
        "91 of 100 rollouts (91\u00a0%, 95\u00a0% interval 84 to 95\u00a0%) of pick",
        "79 of 100 rollouts", "the expert in 98 of 100", "random actions in 0 of 100",
        "6,574,958", "data/jaco-play", "reference", "chosen: epoch 5", "20 min 34 s", "1,534 MB",
        "linear on proprioception", "looks at the previous action", "Position RMSE",
        "Gripper macro F1", "Gripper recall, open", "Confusion matrices", "missed grasp",
        "within 3 steps", "By instruction", "bydemo train ours data/jaco-play", "2.13.0", "3.17.0",
        "learning_rate", "Seeds",
    ):  # fmt: skip
        assert words in one, words


def test_the_size_of_each_stage_is_drawn_of_one_run_alone(runs, one):
    """And each component of the loss has a curve of its own, training and validation."""
    curves = one.partition("Learning curves")[2]
    assert "Activations" in curves
    for stage in ("Image branch", "Head"):
        assert stage in curves
    for part in ("Total loss", "Position", "Gripper"):
        assert f">{part}<" in curves
    assert "Activations" not in report_html(read_runs(runs))


def test_it_comes_as_one_file_that_fetches_nothing(one):
    assert one.count('src="data:video/mp4;base64,') == 3
    assert not re.search(r'(src|href)="(?!data:|#)', one)


def test_the_headline_claims_no_more_than_the_figures(one):
    headline = re.search(r'<p class="headline">(.*?)</p>', one, re.S).group(1)
    assert "succeeds in 91 of 100" in headline
    assert "better" not in headline


def test_several_runs_stand_side_by_side(runs):
    difference = {"value": 0.47, "low": 0.35, "high": 0.57, "verdict": "better", "n": 100}
    compared = [{"rollouts": {"pick": difference}, "offline": {}}]
    html = report_html(read_runs(runs), compared)
    assert "ours against tuned: ours succeeds more often at pick (+47 points" in html
    assert "tuned succeeds in 44 of 100 rollouts" in html
    assert "What differs in the configuration" in html
    # Equal baselines are one column, not one a run.
    heads = re.search(r"All figures</h3>.*?</thead>", html, re.S).group(0)
    assert heads.count("majority") == 1
    assert heads.index("ours") < heads.index("tuned") < heads.index("majority")


def test_runs_judged_on_other_data_are_not_put_in_one_table(make_run, tmp_path, edit):
    folders = [make_run(tmp_path / name, name) for name in ("a", "b")]
    other = {"path": "data/elsewhere", "episodes": 3, "steps": 9, "split": "random"}
    edit(folders[1] / "results.json", "dataset", other)
    html = report_html(read_runs(folders))
    assert "These runs were judged on different data" in html


def test_a_run_in_training_has_a_report_too(make_run, tmp_path):
    folder = make_run(tmp_path / "r", "r")
    (folder / "results.json").unlink()
    html = report_html(read_runs([folder]))
    assert "Not judged yet" in html
    assert "chosen: epoch 5" in html


@pytest.mark.parametrize("path", ["../../secret.mp4", "/etc/hostname", "clips/gone.mp4"])
def test_a_clip_outside_the_run_or_missing_is_refused_and_nothing_written(
    make_run, tmp_path, edit, path
):
    folder = make_run(tmp_path / "r", "r")
    rollouts = read_runs([folder])[0].results["rollouts"]
    rollouts["pick"]["clips"] = [path]
    edit(folder / "results.json", "rollouts", rollouts)
    with pytest.raises(InputError, match=re.escape(path.rsplit("/", 1)[-1])):
        write_report([folder], tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_hostile_names_stay_text(make_run, tmp_path, edit):
    folder = make_run(tmp_path / "r", "r")
    edit(folder / "results.json", "name", "<script>alert(1)</script>")
    html = report_html(read_runs([folder]))
    assert "<script>alert" not in html
