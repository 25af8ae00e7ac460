"""The verb tells studies from runs, and says so where they are mixed."""

import json

import pytest
from tests.report.pusher_runs import write_pusher_run
from tests.report.studies import write_study

from bydemo.cli.dispatch import main


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_study(tmp_path_factory.mktemp("report") / "study")


def test_a_study_gets_its_page_and_one_for_each_run(study):
    assert main(["report", str(study)]) == 0
    assert "Does noise in the demonstrations help?" in (study / "report.html").read_text()
    assert (study / "runs/dart-200/seed-3/report.html").exists()


def test_a_run_of_a_study_is_a_run(study):
    run = study / "runs/dart-200/seed-1"
    assert main(["report", str(run), "--output", str(study / "one.html")]) == 0
    assert "Policy minus expert, seed by seed" in (study / "one.html").read_text()


def test_a_study_among_runs_is_refused(study, tmp_path, capsys):
    run = write_pusher_run(tmp_path / "r", "r", n=3)
    assert main(["report", str(run), str(study)]) == 2
    assert "is a study: it stands on its page alone" in capsys.readouterr().err
    assert not (run / "report.html").exists()


def test_a_damaged_study_is_named_and_nothing_written(tmp_path, capsys):
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"schema": "bydemo.study/1", "arms": {}}))
    assert main(["report", str(tmp_path)]) == 2
    assert f"{path}, field 'arms': is no list" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["results.json"]
