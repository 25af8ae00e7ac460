"""Plans of studies: one file each, the file's name is the study's name.

Each has a frozen `Config` of options, every one with a default, and `plan(options) -> StudyPlan`.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

from bydemo.core.config import load_leaf, names_in
from bydemo.studies.plan import StudyPlan


class PlanFile(Protocol):
    """What a file of this folder exposes."""

    Config: type[Any]

    def plan(self, options: Any) -> StudyPlan:
        """The study with these options."""
        ...


def plan_names() -> list[str]:
    """Every plan, found by listing this folder."""
    return names_in(__name__)


def load_plan(name: str) -> PlanFile:
    """The file of a plan; a typo is answered with near names."""
    return cast(PlanFile, load_leaf(__name__, "study", name))
