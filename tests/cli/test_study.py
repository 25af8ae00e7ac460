"""`bydemo study NAME`: the questions first, then the tables; failures are named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.studies.small_study import Trick
from tests.studies.test_run_study import tricks

from bydemo.cli import catalogue, main
from bydemo.cli.verbs import study
from bydemo.core.results import read_json
from bydemo.studies.plan import Arm

PLANS = "tests.studies.plans"
FEW = ["--rollouts", "3", "--epochs", "3", "--episodes", "8", "--seeds", "1", "2"]


@pytest.fixture(autouse=True)
def _plans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "STUDIES", PLANS)
    monkeypatch.setattr(study, "STUDIES", PLANS)


def test_studies_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "studies"]) == 0
    assert "How long to train a point to walk?" in capsys.readouterr().out


def test_a_study_from_nothing_and_once_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    words = ["study", "small", "--folder", str(tmp_path / "s"), "--workers", "0", *FEW]
    assert main(words) == 0
    said = capsys.readouterr().out
    for text in ("It underfits.", "the control", "cannot tell from n = 2 seeds", "min a run",
                 "report.html opens in any browser"):  # fmt: skip
        assert text in said, said
    assert said.index("It underfits.") < said.index("the control")
    assert "How long to train?" in (tmp_path / "s" / "report.html").read_text()
    found = read_json(tmp_path / "s" / "results.json")
    assert found["options"] == {"rollouts": 3, "epochs": 3, "seeds": [1, 2], "episodes": 8}
    assert main(words) == 0


def test_ask_runs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["study", "small", "--ask"]) == 0
    said = capsys.readouterr().out
    assert "It underfits." in said
    assert "expert, still, short, long" in said
    assert list(tmp_path.iterdir()) == []


def test_a_typo_lists_the_studies(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "smal"]) == 2
    assert "no study named 'smal'. Did you mean 'small'?" in capsys.readouterr().err


def test_runs_that_failed_are_named_and_the_exit_code_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def leaf(package: str, kind: str, name: str) -> Any:
        from tests.studies.small_study import Config

        asked = tricks()
        bug = Arm(name="bug", work=Trick(trouble="bug"))
        return SimpleNamespace(Config=Config, plan=lambda options: replace(
            asked, arms=(*asked.arms, bug)))  # fmt: skip

    monkeypatch.setattr(study, "load_leaf", leaf)
    assert main(["study", "small", "--folder", str(tmp_path), "--workers", "0"]) == 2
    said = capsys.readouterr().err
    assert "runs/lost/seed-1: the loss is not finite" in said
    assert "runs/bug/once: ValueError: a bug" in said
    assert "Traceback" in said
