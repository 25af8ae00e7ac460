"""Reasons to leave before the end: a signal to stop, or a wall budget used up."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_HANDLED = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """Remembers the signal that asked the loop to finish its step, save and leave."""

    def __init__(self) -> None:
        self.signal: int | None = None

    @property
    def exit_code(self) -> int:
        """128 + signal: 143 for SIGTERM, 130 for SIGINT."""
        return 128 + (self.signal or 0)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Catch SIGTERM and SIGINT inside; a second one takes its usual course at once.

        Signals reach only the main thread, so elsewhere this does nothing.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in _HANDLED}

        def handle(number: int, frame: FrameType | None) -> None:
            self.signal = number
            for each, handler in before.items():
                signal.signal(each, handler)

        for number in _HANDLED:
            signal.signal(number, handle)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
