import json
import re

import pytest

from bydemo.core.errors import InputError
from bydemo.report.reading import figure_in, read_run, read_runs


def test_a_run_that_was_trained_but_not_judged_reads_well(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    run = read_run(tmp_path)
    assert (run.name, run.splits, run.tasks) == (tmp_path.name, (), ())


def test_a_missing_folder_and_a_folder_that_is_no_run_are_named(tmp_path):
    with pytest.raises(InputError, match=re.escape(f"{tmp_path / 'no'}: no such run folder")):
        read_run(tmp_path / "no")
    with pytest.raises(InputError, match=re.escape(f"{tmp_path / 'config.json'}: no such file")):
        read_run(tmp_path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [('{"schema": "other/9"}', "field 'schema': is 'other/9', expected 'bydemo.results/1'"),
     ("{", "cannot be read as JSON"), ("[1]", "holds a list, expected an object"),
     ('{"schema": "bydemo.results/1", "offline": 3}', "field 'offline': is no object")],
)  # fmt: skip
def test_damaged_results_are_named_with_their_field(tmp_path, text, problem):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(InputError, match=re.escape(problem)) as caught:
        read_run(tmp_path)
    assert str(tmp_path / "results.json") in str(caught.value)


def test_two_runs_of_one_name_are_told_apart(tmp_path):
    folders = [tmp_path / "a" / "run", tmp_path / "b" / "run", tmp_path / "other"]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
    names = [run.name for run in read_runs(folders)]
    assert names == [f"run ({folders[0]})", f"run ({folders[1]})", "other"]


def test_a_report_of_nothing_is_refused():
    with pytest.raises(InputError, match="field 'runs': a report needs at least one run folder"):
        read_runs([])


@pytest.mark.parametrize(
    ("plain", "value", "interval"),
    [(0.5, 0.5, None), ({"value": 0.5, "low": 0.4, "high": 0.6}, 0.5, (0.4, 0.6)),
     ({"value": 0.5, "low": None, "high": None}, 0.5, None)],
)  # fmt: skip
def test_figures_with_and_without_interval(plain, value, interval):
    found = figure_in({"k": json.loads(json.dumps(plain))}, "k")
    assert (found.value, found.interval) == (value, interval)


@pytest.mark.parametrize("plain", [None, "x", True, {"value": None}, [[1]], {}])
def test_undefined_figures_are_none(plain):
    assert figure_in({"k": plain}, "k") is None
