"""What a run writes of itself: `metrics.jsonl` always, and other trackers that can do no harm.

A tracker other than our own file runs in a thread of its own. If it hangs, fails or is not
installed, training goes on and a warning says so once.
"""

from __future__ import annotations

import importlib
import json
import queue
import threading
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from bydemo.core.errors import InputError, UnknownNameError
from bydemo.core.results import append_line, read_lines, write_bytes

Row = Mapping[str, Any]


class Tracker(Protocol):
    """Somewhere else that figures are sent to."""

    def start(self, run_dir: Path, config: Row) -> None:
        """Begin; may take long."""

    def log(self, row: Row) -> None:
        """Take one row of `metrics.jsonl`."""

    def finish(self) -> None:
        """Flush and close."""


class MetricsFile:
    """`metrics.jsonl` of a run: one row an event, see `training/record.py` for what they hold."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rewind(self, step: int) -> None:
        """Forget rows after `step`: a resumed run writes them again."""
        rows = list(read_lines(self.path))
        for number, row in enumerate(rows):
            if not isinstance(row.get("step"), int):
                raise InputError(f"line {number + 1} has none", path=self.path, field="step")
        rows = [row for row in rows if row["step"] <= step]
        write_bytes(self.path, "".join(json.dumps(row) + "\n" for row in rows).encode())

    def log(self, row: Row) -> None:
        """Append one row."""
        append_line(self.path, row)


class Detached:
    """A tracker in a daemon thread, behind a queue that never blocks."""

    def __init__(self, name: str, tracker: Tracker, run_dir: Path, config: Row) -> None:
        """Starts the tracker without waiting for it; rows queue up until it is ready."""
        self.name, self.tracker = name, tracker
        self._rows: queue.Queue[Row | None] = queue.Queue(maxsize=10_000)
        self._started, self._broken = threading.Event(), threading.Event()
        self._thread = threading.Thread(
            target=self._work, args=(run_dir, config), name=f"bydemo-{name}", daemon=True
        )
        self._thread.start()

    def log(self, row: Row) -> None:
        """Pass a row on, or drop it where the tracker can't keep up."""
        if self._broken.is_set():
            return
        try:
            self._rows.put_nowait(row)
        except queue.Full:
            self._give_up("can't keep up")

    def finish(self, seconds: float = 20.0) -> None:
        """Let the tracker finish, waiting at most `seconds`."""
        if self._broken.is_set():
            return
        try:
            self._rows.put_nowait(None)
        except queue.Full:
            self._give_up("can't keep up")
            return
        self._thread.join(seconds)
        if self._thread.is_alive():
            verb = "finish" if self._started.is_set() else "start"
            self._give_up(f"did not {verb} within {seconds:g} s of the end")

    def _work(self, run_dir: Path, config: Row) -> None:
        try:
            self.tracker.start(run_dir, config)
            self._started.set()
            while (row := self._rows.get()) is not None:
                if self._broken.is_set():
                    return
                self.tracker.log(row)
            self.tracker.finish()
        except Exception as error:  # whatever a tracker raises must not reach the run
            self._give_up(f"failed: {error!r}")

    def _give_up(self, reason: str) -> None:
        if not self._broken.is_set():
            self._broken.set()
            warnings.warn(f"tracker '{self.name}' {reason}; going on without it", stacklevel=3)


class WeightsAndBiases:
    """A W&B run in the run folder: offline unless `mode` says otherwise."""

    def __init__(self, mode: str = "offline", project: str = "bydemo") -> None:
        self.mode, self.project = mode, project
        self._run: Any = None

    def start(self, run_dir: Path, config: Row) -> None:
        """Begin a W&B run; each resumption is one of its own."""
        wandb = importlib.import_module("wandb")
        settings = wandb.Settings(init_timeout=15, console="off", silent=True)
        self._run = wandb.init(
            project=self.project, name=run_dir.name, dir=str(run_dir), mode=self.mode,
            config=dict(config), settings=settings,
        )  # fmt: skip

    def log(self, row: Row) -> None:
        """Send the row's numbers under '<kind>/<name>' at its step."""
        self._run.log(dict(_numbers(row)), step=row["step"])

    def finish(self) -> None:
        """Close the run."""
        self._run.finish()


class TensorBoard:
    """TensorBoard event files under `<run>/tensorboard`."""

    def __init__(self) -> None:
        self._writer: Any = None

    def start(self, run_dir: Path, config: Row) -> None:
        """Open the event file."""
        module = importlib.import_module("torch.utils.tensorboard")
        self._writer = module.SummaryWriter(str(run_dir / "tensorboard"))

    def log(self, row: Row) -> None:
        """Write the row's numbers under '<kind>/<name>' at its step."""
        for name, value in _numbers(row):
            self._writer.add_scalar(name, value, row["step"])

    def finish(self) -> None:
        """Flush and close the event file."""
        self._writer.close()


TRACKERS: Mapping[str, Callable[[], Tracker]] = {
    "tensorboard": TensorBoard,
    "wandb": WeightsAndBiases,
    "wandb-online": lambda: WeightsAndBiases(mode="online"),
}


def start_tracker(name: str, run_dir: Path, config: Row) -> Detached:
    """A tracker by name, already started or already given up."""
    if name not in TRACKERS:
        raise UnknownNameError("tracker", name, TRACKERS)
    return Detached(name, TRACKERS[name](), run_dir, config)


def _numbers(row: Row) -> list[tuple[str, float]]:
    flat = {k: v for k, v in row.items() if k not in ("kind", "step", "parts")}
    flat |= row.get("parts", {})
    flat |= {f"activation.{k}": v for k, v in row.get("activations", {}).items()}
    return [(f"{row['kind']}/{k}", v) for k, v in flat.items() if isinstance(v, (int, float))]
