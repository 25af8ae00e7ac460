"""Trackers can hang, fail or be missing: the run goes on, and says so once."""

from __future__ import annotations

import sys
import threading
import time
import types
from pathlib import Path
from typing import Any

import pytest
from tests.training.toy import config, policy, run, same_weights

from bydemo.core.errors import UnknownNameError
from bydemo.core.results import read_lines
from bydemo.training import tracking
from bydemo.training.tracking import Detached, MetricsFile, WeightsAndBiases, start_tracker

ROW = {"kind": "train", "step": 5, "epoch": 1, "loss": 0.5, "parts": {"mse": 0.25},
       "activations": {"head": 0.125}}  # fmt: skip


class Listener:
    """A tracker that remembers."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def start(self, run_dir: Path, config: Any) -> None:
        self.heard.append("start")

    def log(self, row: Any) -> None:
        self.heard.append(row)

    def finish(self) -> None:
        self.heard.append("finish")


class Hanging(Listener):
    """A tracker that never comes back from one of its calls."""

    def __init__(self, where: str) -> None:
        super().__init__()
        setattr(self, where, lambda *_: threading.Event().wait(60))


class Failing(Listener):
    """A tracker that raises in one of its calls."""

    def __init__(self, where: str) -> None:
        super().__init__()

        def fail(*_: Any) -> None:
            raise RuntimeError("no network")

        setattr(self, where, fail)


def use(tracker: Listener, path: Path) -> Detached:
    """A whole run's worth of calls, with little patience."""
    detached = Detached("x", tracker, path, {})
    for _ in range(20):
        detached.log({"step": 1})
    detached.finish(0.2)
    return detached


def test_a_good_tracker_hears_everything_in_order(tmp_path: Path) -> None:
    listener = Listener()
    tracker = Detached("x", listener, tmp_path, {})
    tracker.log({"step": 1})
    tracker.log({"step": 2})
    tracker.finish()
    assert listener.heard == ["start", {"step": 1}, {"step": 2}, "finish"]


@pytest.mark.parametrize("where", ["start", "log", "finish"])
def test_a_hanging_tracker_costs_a_bounded_wait(tmp_path: Path, where: str) -> None:
    began = time.monotonic()
    with pytest.warns(
        UserWarning, match=r"tracker 'x' did not (start|finish) within 0\.2 s of the end"
    ):
        use(Hanging(where), tmp_path)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("where", ["start", "log", "finish"])
def test_a_failing_tracker_is_left_behind(tmp_path: Path, where: str) -> None:
    with pytest.warns(UserWarning, match=r"tracker 'x' failed: RuntimeError\('no network'\); go"):
        tracker = use(Failing(where), tmp_path)
    tracker.log({"step": 2})


def test_training_is_the_same_with_a_tracker_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "TRACKERS", {"bad": lambda: Failing("log")})
    with pytest.warns(UserWarning, match="tracker 'bad' failed"):
        tracked, _ = run(tmp_path / "a", settings=config(), trackers=["bad"])
    plain, _ = run(tmp_path / "b", policy(), settings=config())
    assert same_weights(tracked, plain)
    assert len(list(read_lines(tmp_path / "a" / "metrics.jsonl"))) == 4


def test_unknown_tracker(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"no tracker named 'wandbb'\. Did you mean 'wandb'"):
        start_tracker("wandbb", tmp_path, {})


def test_a_tracker_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.warns(UserWarning, match="tracker 'wandb' failed: ModuleNotFoundError"):
        start_tracker("wandb", tmp_path, {}).finish()


def test_weights_and_biases_is_offline_unless_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, Any]] = []

    class Run:
        def log(self, numbers: Any, step: int) -> None:
            calls.append(("log", (numbers, step)))

        def finish(self) -> None:
            calls.append(("finish", None))

    def init(**options: Any) -> Run:
        calls.append(("init", options))
        return Run()

    fake = types.SimpleNamespace(init=init, Settings=lambda **options: options)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    tracker = start_tracker("wandb", tmp_path, {"epochs": 2})
    tracker.log(ROW)
    tracker.finish()
    (_, options), logged, finished = calls
    assert (options["mode"], options["config"]) == ("offline", {"epochs": 2})
    assert options["dir"] == str(tmp_path)
    numbers = {"train/epoch": 1, "train/loss": 0.5, "train/mse": 0.25,
               "train/activation.head": 0.125}  # fmt: skip
    assert logged == ("log", (numbers, 5))
    assert finished[0] == "finish"
    assert isinstance(tracking.TRACKERS["wandb-online"](), WeightsAndBiases)
    assert tracking.TRACKERS["wandb-online"]().mode == "online"


def test_tensorboard_writes_what_can_be_read_back(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    tracker = start_tracker("tensorboard", tmp_path, {})
    tracker.log(ROW)
    tracker.finish()
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    (scalar,) = events.Scalars("train/mse")
    assert (scalar.step, scalar.value) == (5, 0.25)


def test_rewind_forgets_later_rows_and_a_line_cut_short(tmp_path: Path) -> None:
    metrics = MetricsFile(tmp_path / "metrics.jsonl")
    for step in (1, 2, 3):
        metrics.log({"step": step, "loss": 0.1 * step})
    with metrics.path.open("a") as file:
        file.write('{"step": 4, "lo')
    metrics.rewind(2)
    metrics.log({"step": 9})
    assert list(read_lines(metrics.path)) == [
        {"step": 1, "loss": 0.1}, {"step": 2, "loss": 0.2}, {"step": 9},
    ]  # fmt: skip
