"""A study as one frozen value: what is asked, what is run to answer it, and on which data.

A plan is declared whole before anything runs, so that its hypotheses and the figures that decide
are fixed before there are any results to choose from.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bydemo.core.errors import InputError, UnknownNameError
from bydemo.evaluation.worker_process import TaskConfig
from bydemo.studies.demonstrations import Demonstrations
from bydemo.studies.level import Level
from bydemo.studies.ranking import Ranking
from bydemo.studies.search import Search
from bydemo.studies.work import Judging, Work

__all__ = ["Arm", "Chapter", "Curve", "Level", "Question", "Ranking", "Search", "StudyPlan"]
_FIT_FOR_A_FOLDER = re.compile(r"[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One way of doing it, done once for each training seed.

    work: what is done, e.g. `TrainAndJudge`. dataset: name of the plan's dataset that it uses.
    seeds: training seeds; none for work that trains nothing, which is done once. after: another arm
    whose run with the same seed this one starts from, e.g. from its frozen encoder.
    """

    name: str
    work: Work
    title: str = ""
    about: str = ""
    dataset: str | None = None
    seeds: tuple[int, ...] = ()
    after: str | None = None

    @property
    def label(self) -> str:
        """The title, or the name where there is none."""
        return self.title or self.name


@dataclass(frozen=True, kw_only=True)
class Curve:
    """What to draw the deciding figure over, e.g. the number of demonstrations.

    series: name of a line -> arm -> its x. log: on a logarithmic axis.
    """

    x_label: str
    series: Mapping[str, Mapping[str, float]]
    log: bool = True


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """Questions, searches and rankings that belong together; they name it by its title."""

    title: str
    about: str = ""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of some arms beside a control.

    varies: what differs between them. why: the hypothesis, stated before anything runs.
    decides: the figure that decides, e.g. `rollouts.pusher.score`; also: figures shown beside it.
    higher_is_better: direction of `decides`; known from its name unless given.
    curve: where arms differ by a number; it may name arms that are not compared. chapter: the title
    of the chapter that it belongs to.
    """

    title: str
    varies: str
    why: str
    decides: str
    control: str
    arms: tuple[str, ...]
    also: tuple[str, ...] = ()
    higher_is_better: bool | None = None
    curve: Curve | None = None
    chapter: str = ""


@dataclass(frozen=True, kw_only=True)
class StudyPlan:
    """Everything that a study does, in the order in which it is told.

    datasets: name -> where demonstrations come from. floor, ceiling: arms between which `score`
    runs from 0 to 100. tasks: label -> task, for the record, besides those in which arms act.
    chapters: in their order. level: how soon is each training as good as this?
    """

    name: str
    title: str
    about: str = ""
    questions: tuple[Question, ...] = ()
    arms: tuple[Arm, ...] = ()
    datasets: Mapping[str, Demonstrations] = field(default_factory=dict)
    rankings: tuple[Ranking, ...] = ()
    searches: tuple[Search, ...] = ()
    floor: str | None = None
    ceiling: str | None = None
    tasks: Mapping[str, TaskConfig] = field(default_factory=dict)
    chapters: tuple[Chapter, ...] = ()
    level: Level | None = None

    def arm(self, name: str) -> Arm:
        """The arm of this name; a typo is answered with near names."""
        for arm in self.arms:
            if arm.name == name:
                return arm
        raise UnknownNameError("arm of the study", name, [arm.name for arm in self.arms])

    @property
    def every_task(self) -> dict[str, TaskConfig]:
        """Label -> task: those in which arms act, and those stated besides."""
        judgings = [getattr(arm.work, "judging", None) for arm in self.arms]
        acted = [judging.tasks for judging in judgings if isinstance(judging, Judging)]
        return {label: task for tasks in (*acted, self.tasks) for label, task in tasks.items()}

    def tells_of(self, figure: str) -> bool:
        """Is the figure listed with each arm? Those of a run's own policy are; a baseline's, which
        are the same for many arms, only where something asks for them."""
        asked = [name for q in self.questions for name in (q.decides, *q.also)]
        asked += [name for ranking in self.rankings for name in (ranking.x, ranking.y)]
        block, _, rest = figure.partition(".")
        if block == "probe":
            return figure in asked or rest.partition(".")[0] == "latent"
        return figure in asked or block != "offline" or rest.split(".")[1] == "policy"

    def check(self) -> None:
        """Refuse a plan that contradicts itself, before anything runs."""
        _names("arms", [arm.name for arm in self.arms])
        _names("searches", [search.name for search in self.searches])
        _names("datasets", self.datasets)
        titles = [chapter.title for chapter in self.chapters]
        parts: tuple[Question | Search | Ranking, ...] = (
            *self.questions, *self.searches, *self.rankings
        )  # fmt: skip
        for told in parts:
            if told.chapter and told.chapter not in titles:
                raise UnknownNameError(f"chapter (of '{told.title}')", told.chapter, titles)
        for arm in self.arms:
            self._check_arm(arm)
        for question in self.questions:
            lines = question.curve.series.values() if question.curve else ()
            for name in (question.control, *question.arms, *(n for line in lines for n in line)):
                self.arm(name)
            if question.control in question.arms:
                raise InputError(f"'{question.control}' is compared to itself in "
                                 f"'{question.title}'", field="questions")  # fmt: skip
        for ranking in self.rankings:
            for name in ranking.arms:
                self.arm(name)
        for search in self.searches:
            self._known_dataset(search.dataset, f"searches.{search.name}")
        if (self.floor is None) != (self.ceiling is None):
            raise InputError("a score needs both a floor and a ceiling", field="floor")
        for end in (self.floor, self.ceiling):
            if end is not None and self.arm(end).seeds:
                raise InputError(f"'{end}' is trained; a score is measured between arms without "
                                 "training", field="floor")  # fmt: skip

    def _check_arm(self, arm: Arm) -> None:
        where = f"arms.{arm.name}"
        if len(set(arm.seeds)) != len(arm.seeds):
            raise InputError(f"{list(arm.seeds)}: a seed comes twice", field=f"{where}.seeds")
        self._known_dataset(arm.dataset, where)
        seen = [arm.name]
        while arm.after is not None:
            before = self.arm(arm.after)
            if before.name in seen:
                raise InputError(" after ".join([*seen, before.name]) + ": goes round in a circle",
                                 field=f"{where}.after")  # fmt: skip
            missing = sorted(set(arm.seeds) - set(before.seeds)) if before.seeds else []
            if missing:
                raise InputError(f"'{before.name}' has no run with seed {missing[0]}",
                                 field=f"{where}.after")  # fmt: skip
            seen.append(before.name)
            arm = before

    def _known_dataset(self, name: str | None, where: str) -> None:
        if name is not None and name not in self.datasets:
            raise UnknownNameError(f"dataset (in {where})", name, self.datasets)


def _names(what: str, names: Iterable[str]) -> None:
    for name, times in Counter(list(names)).items():
        if times > 1:
            raise InputError(f"'{name}' comes {times} times", field=what)
        if not _FIT_FOR_A_FOLDER.fullmatch(name):
            raise InputError(f"'{name}' is no name for a folder: letters, digits, '-', '_' and '.'",
                             field=what)  # fmt: skip
