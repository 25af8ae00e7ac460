"""bydemo teaches robots by demonstration, and tells how well they learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from bydemo.studies.clone import Cloned

__version__ = "0.1.0"


def clone(source: Path | str, run: Path | str = "runs/clone", **options: Any) -> Cloned:
    """A policy from recordings in one call; see `studies.clone.clone`, whose arguments these are.

    >>> cloned = bydemo.clone("mujoco/pusher/expert-v0")  # doctest: +SKIP
    >>> cloned.results["rollouts"]["pusher"]["score"]  # doctest: +SKIP
    """
    from bydemo.studies.clone import clone  # torch is imported only now

    return clone(source, run, **options)
