"""What may interrupt the steps: a signal, a wall budget used up, a checkpoint that is due."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from types import FrameType

import torch
from accelerate import Accelerator

from bydemo.training.config import TrainingConfig

_HANDLED = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """Remembers the signal that asked the loop to finish its step, save and leave."""

    def __init__(self) -> None:
        self.signal: int | None = None

    @property
    def exit_code(self) -> int:
        """128 + signal: 143 for SIGTERM (or where another process was asked), 130 for SIGINT."""
        return 128 + (self.signal or signal.SIGTERM)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Catch SIGTERM and SIGINT inside; a second SIGINT interrupts at once, as usual.

        A second SIGTERM does nothing: launchers send it to a process and to its group. Signals
        reach only the main thread, so elsewhere this listens to nothing.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in _HANDLED}

        def handle(number: int, frame: FrameType | None) -> None:
            self.signal = number
            signal.signal(signal.SIGINT, before[signal.SIGINT])

        for number in _HANDLED:
            signal.signal(number, handle)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Event(IntEnum):
    """What is due after a step; of several, the largest."""

    NOTHING = 0
    CHECKPOINT = 1
    BUDGET = 2
    SIGNAL = 3


class Deadlines:
    """The wall clock of a run, and what it says is due, the same on all processes."""

    def __init__(self, config: TrainingConfig, accelerator: Accelerator, stop: StopRequest) -> None:
        self.config, self.accelerator, self.stop = config, accelerator, stop
        self.reserve = 0.0
        """[s] kept back from the budget for the last validation."""
        self.start(0.0)

    def start(self, seconds: float) -> None:
        """The clock of a run that has already taken so many seconds runs on from now."""
        self._began = time.monotonic() - seconds
        self.saved()

    def saved(self) -> None:
        """A checkpoint was just taken."""
        self._saved = time.monotonic()

    @property
    def elapsed(self) -> float:
        """[s] of wall time over all resumptions."""
        return time.monotonic() - self._began

    def due(self) -> Event:
        """What is due now; every process must ask, and all get the same answer."""
        config, event = self.config, Event.NOTHING
        if config.checkpoint_minutes is not None:
            late = time.monotonic() - self._saved >= config.checkpoint_minutes * 60
            event = Event.CHECKPOINT if late else event
        if config.minutes is not None:
            over = self.elapsed + self.reserve >= config.minutes * 60
            event = Event.BUDGET if over else event
        if self.stop.signal is not None:
            event = Event.SIGNAL
        if self.accelerator.num_processes > 1:
            mine = torch.tensor([int(event)], device=self.accelerator.device)
            event = Event(int(self.accelerator.gather(mine).max()))
        return event
