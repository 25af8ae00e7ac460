"""What the documentation states is so: examples run, files hold what is said, tests exist."""

from __future__ import annotations

import ast
import re
import shlex
import signal
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.data.small import write_dataset
from tests.evaluation import point_task
from tests.models.samples import Samples, jaco_codec

from bydemo.cli import main
from bydemo.cli.catalogue import verbs
from bydemo.core.images import View
from bydemo.core.language import Vocabulary
from bydemo.core.results import read_json, read_lines
from bydemo.data.splits import make_split, write_splits
from bydemo.evaluation.actors import ExpertActor
from bydemo.evaluation.closed_loop import evaluate
from bydemo.evaluation.rollout import rollout
from bydemo.models.folder import shapes_for
from bydemo.studies import recipes
from bydemo.studies.judging import judge_offline
from bydemo.studies.run import train_run

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TESTS = ROOT / "tests"


def blocks(name: str, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    text = (DOCS / name).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a page's first Python block as a module."""

    def run(page: str) -> types.ModuleType:
        made = types.ModuleType(page.removesuffix(".md"))
        monkeypatch.setitem(sys.modules, made.__name__, made)
        exec(compile(blocks(page, "python")[0], page, "exec"), made.__dict__)
        return made

    return run


def test_the_model_of_the_page_learns_and_predicts(example: Any) -> None:
    shapes = shapes_for(jaco_codec(), View(cameras=()), Vocabulary.of(["pick it"]), chunk=2)
    model = example("adding_a_model.md").Config(width=8).build(shapes)
    batch = Samples(shapes, 4).batch()
    losses = model.loss(batch, torch.Generator())
    losses.mean.backward()
    assert losses.count > 0
    assert model.predict(batch).continuous.shape == (4, 2, 3)


def test_the_task_of_the_page_can_be_done_and_repeated(example: Any) -> None:
    task = example("adding_a_task.md").Config().build()
    results = [rollout(task, ExpertActor().build(task), seed, keep=True) for seed in (0, 1, 2, 0)]
    assert all(r.success for r in results), [r.detail for r in results]
    results[0].episode.check(task.data_spec)
    np.testing.assert_array_equal(results[0].episode.action, results[3].episode.action)


def keys(value: Any) -> Iterator[str]:
    """Every key of nested dictionaries and lists."""
    if isinstance(value, dict):
        for key, inside in value.items():
            yield key
            yield from keys(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from keys(inside)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run trained on random data and judged."""
    folder = tmp_path_factory.mktemp("docs")
    small = write_dataset(folder / "data", lengths=[6] * 10)
    data = write_splits(small, make_split(small, "random"))
    changes = {"training.epochs": 1, "training.log_every": 1, "training.batch_size": 8}
    experiment = recipes.load("blind")[1](data.spec).changed(changes)
    train_run(experiment, data, folder / "run", recipe="jaco_play.blind")
    judge_offline(folder / "run")
    return folder / "run"


def test_every_field_of_a_run_folder_is_documented(run: Path) -> None:
    said = set(re.findall(r"`([^`\s]+)`", (DOCS / "results_schema.md").read_text()))
    results = read_json(run / "results.json")
    found = set(results) | set(results["dataset"]) | set(results["training"])
    offline = results["offline"]["test"]
    found |= set(offline) | set(offline["slices"][0])
    for figures in offline["candidates"].values():
        for key, value in figures.items():
            kind = key.partition(".")[2]
            found.add("recall.<class>" if kind.startswith("recall.") else kind)
            found |= set(value) if isinstance(value, dict) else set()
    acted = evaluate(point_task.Config(), ExpertActor(), seeds=range(8), workers=0,
                     references=("still",))  # fmt: skip
    found |= {key for key in keys(acted) if key not in keys([acted["task_config"]])}
    found -= {"still", *acted["reasons"], *acted["references"]["still"]["reasons"]}
    found |= set(read_json(run / "config.json")) | set(read_json(run / "best.json"))
    rows = list(read_lines(run / "metrics.jsonl"))
    assert {row["kind"] for row in rows} == {"train", "validation", "progress"}
    found |= {key for row in rows for key in row}
    assert sorted(found - said) == []


def test_every_file_of_a_run_folder_is_documented(run: Path) -> None:
    text = (DOCS / "results_schema.md").read_text()
    for path in run.rglob("*"):
        name = path.name
        for split in ("validation", "test"):
            name = name.replace(f"{split}.", "<split>.")
        assert re.sub(r"epoch-\d{4}", "epoch-0003", name) in text, path


def test_every_test_that_the_reliability_page_names_exists() -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", (DOCS / "reliability.md").read_text())
    assert len(named) > 50
    for path, test in named:
        tree = ast.parse((TESTS / path).read_text())
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert test in functions, f"{path}::{test}"


def test_the_reliability_page_names_every_fault_once() -> None:
    rows = re.findall(r"^\| (\d+) \|", (DOCS / "reliability.md").read_text(), re.M)
    assert [int(number) for number in rows] == list(range(1, 27))


def commands() -> list[list[str]]:
    """Every `bydemo ...` line of the page on the command line."""
    lines = "\n".join(blocks("command_line.md", "sh")).splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith("bydemo ")]


def test_every_verb_has_an_example() -> None:
    assert {words[0] for words in commands()} == set(verbs())


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_the_options_of_an_example_exist(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    leafs = ("record", "convert", "train", "study")
    named = words[:2] if words[0] in leafs else words[:1]
    with pytest.raises(SystemExit) as left:
        main([*named, "--help"])
    signal.signal(signal.SIGTERM, before)
    assert left.value.code == 0
    known = set(re.findall(r"--[a-z][\w.-]*", capsys.readouterr().out))
    assert {word for word in words if word.startswith("--")} <= known
