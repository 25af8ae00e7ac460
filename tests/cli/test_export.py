"""`bydemo export`: the file where it was asked for, and every mistake answered."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.exports.agents import agent

from bydemo.cli import main


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with a trained policy in `run` and one with a memory in `long`."""
    agent().save_pretrained(tmp_path / "run" / "model")
    agent(history=2).save_pretrained(tmp_path / "long" / "model")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    before = signal.getsignal(signal.SIGTERM)
    yield tmp_path
    signal.signal(signal.SIGTERM, before)


def files(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("words", "file"),
    [
        ("run --format state-dict", "run/exports/trained_policy.pt"),
        ("run/model --format=state_dict", "run/model/exports/trained_policy.pt"),
        (
            "--format state-dict --to new/trained_pusher_policy.pt run",
            "new/trained_pusher_policy.pt",
        ),
        ("run --format onnx --observations 5", "run/exports/policy.onnx"),
    ],
)
def test_the_file_is_where_it_is_said(
    run: Path, capsys: pytest.CaptureFixture[str], words: str, file: str
) -> None:
    before = files(run)
    assert main(["export", *words.split()]) == 0
    assert files(run) - before == {file}
    said = capsys.readouterr().out
    assert said.startswith(f"{file} (")
    assert "its actions differ from the agent's by at most" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("run --format onx", "there is no export format named 'onx'. Did you mean 'onnx'?"),
        ("run --format __init__", "there is no export format named '__init__'"),
        ("nowhere --format onnx", "nowhere: no such folder"),
        ("run --format onnx --to run", "run: is a folder; name a file"),
        ("long --format state-dict", "cannot hold this policy: it looks back 2 steps (history)"),
        ("run --format onnx --tolerance -1", "nothing was written"),
        ("run --format state-dict --observations 5", "--observations"),
        ("run --format", "--format"),
        ("run", "--format"),
        ("--format onnx", "RUN"),
    ],
)
def test_a_mistake_is_answered_and_nothing_is_written(
    run: Path, capsys: pytest.CaptureFixture[str], words: str, said: str
) -> None:
    before = files(run)
    try:
        code = main(["export", *words.split()])
    except SystemExit as left:
        code = int(left.code or 0)
    assert code == 2
    message = capsys.readouterr().err
    assert said in message
    assert "Traceback" not in message
    assert files(run) == before


def test_help_shows_the_options_of_the_format_named(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, there in (("--help", False), ("run --format onnx --help", True)):
        with pytest.raises(SystemExit) as left:
            main(["export", *words.split()])
        assert left.value.code == 0
        assert ("--observations" in capsys.readouterr().out) is there
