from bydemo.cli.verbs import demo


def verbs(folder):
    return [step[0] for step in demo.commands(demo.Arguments(folder=folder))]


def test_a_fresh_demo_runs_everything_in_order(tmp_path):
    assert verbs(tmp_path) == ["record", "inspect", "train", "evaluate", "report"]
    assert not any("--resume" in step for step in demo.commands(demo.Arguments(folder=tmp_path)))


def test_an_interrupted_demo_goes_on_where_it_stopped(tmp_path):
    (tmp_path / "dataset").mkdir()
    first = next(demo.commands(demo.Arguments(folder=tmp_path)))
    assert first[-1] == "--resume"
    (tmp_path / "dataset" / "inspection.html").touch()
    assert verbs(tmp_path)[0] == "train"
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").touch()
    assert next(demo.commands(demo.Arguments(folder=tmp_path)))[-1] == "--resume"
    (tmp_path / "run" / "results.json").touch()
    assert verbs(tmp_path) == ["evaluate", "report"]


def test_a_failing_step_ends_the_demo_with_its_code(tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(demo, "_as_typed", lambda step: ran.append(step[0]) or 2)
    assert demo.run(["--folder", str(tmp_path)]) == 2
    assert ran == ["record"]
