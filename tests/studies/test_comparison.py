import json

import pytest

from bydemo.studies.comparison import compare_runs


def run(folder, won, *, seeds=range(20), task="pick", template="x"):
    folder.mkdir()
    episodes = [{"seed": s, "success": s in won} for s in seeds]
    rollouts = {"pick": {"task": task, "task_config": {"t": template}, "episodes": episodes}}
    (folder / "results.json").write_text(json.dumps({"rollouts": rollouts}))
    return folder


def test_the_first_run_is_compared_with_each_other_by_seed(tmp_path):
    folders = [
        run(tmp_path / "a", set(range(20))),
        run(tmp_path / "b", set(range(5))),
        run(tmp_path / "c", set(range(19)), seeds=range(5, 40)),
    ]
    first, second = (entry["rollouts"]["pick"] for entry in compare_runs(folders))
    assert (first["value"], first["verdict"], first["n"]) == (0.75, "better", 20)
    assert second["n"] == 15
    assert second["verdict"] == "cannot tell from n = 15 seeds"


def test_other_tasks_and_other_seeds_are_not_compared(tmp_path):
    ours = run(tmp_path / "a", {1})
    other_task = run(tmp_path / "b", {1}, template="y")
    other_seeds = run(tmp_path / "c", {1}, seeds=range(100, 110))
    first, second = (e["rollouts"]["pick"] for e in compare_runs([ours, other_task, other_seeds]))
    said = "at pick, a and b were judged on different tasks: t x against y"
    assert first == {"problem": said}
    assert second == {"problem": "at pick, a and c share no seed"}


def test_returns_are_compared_beside_success(tmp_path):
    folders = [run(tmp_path / name, won) for name, won in (("a", {1}), ("b", {1}))]
    for folder, more in zip(folders, (1.0, 0.0), strict=True):
        results = json.loads((folder / "results.json").read_text())
        for row in results["rollouts"]["pick"]["episodes"]:
            row |= {"return": row["seed"] % 3 + more + 0.1 * (row["seed"] % 2), "steps": 5}
        (folder / "results.json").write_text(json.dumps(results))
    found = compare_runs(folders)[0]["rollouts"]["pick"]
    assert found["verdict"] == "cannot tell from n = 20 seeds"
    assert found["return"]["verdict"] == "better"
    assert found["return"]["value"] == pytest.approx(1.0)


def test_runs_that_were_not_judged_have_nothing_to_compare(tmp_path):
    ours = run(tmp_path / "a", {1})
    (tmp_path / "b").mkdir()
    assert compare_runs([ours, tmp_path / "b"]) == [{"rollouts": {}, "offline": {}}]
