"""A study's folder as the report sees it: its results.json, read once and never trusted blindly."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from bydemo.core.errors import InputError
from bydemo.core.results import read_json
from bydemo.report.figure_names import FigureName, figure_name
from bydemo.report.reading import nested
from bydemo.report.svg import is_number

SCHEMA = "bydemo.study/1"
RESULTS = "results.json"
PAGE = "report.html"
"""The page of a run inside its folder."""

_OBJECTS = ("tasks", "datasets", "cost", "made", "jobs", "options")
_LISTS = ("arms", "questions", "rankings", "searches")
_TOLD = ("questions", "searches", "rankings")
"""What a chapter consists of."""
_PARTS = {"arms": "runs", "questions": "effects", "rankings": "points", "searches": "trials"}
"""The list of objects inside each entry."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study's results; `page` is where its own page will lie, so that links can be relative."""

    folder: Path
    data: Mapping[str, Any]
    page: Path
    _known: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def title(self) -> str:
        """The study's title, or its name."""
        return str(self.data.get("title") or self.data.get("name") or self.folder.name)

    def rows(self, name: str) -> Sequence[Mapping[str, Any]]:
        """One of the lists: arms, chapters, questions, rankings, searches."""
        found: Sequence[Mapping[str, Any]] = self.data.get(name) or []
        return found

    def rows_in(self, name: str, chapter: str) -> Sequence[Mapping[str, Any]]:
        """Of questions, searches or rankings those of a chapter; of "", those of none."""
        return [row for row in self.rows(name) if str(row.get("chapter") or "") == chapter]

    def block(self, *names: str) -> Mapping[str, Any]:
        """A nested object, empty where it is missing."""
        return nested(self.data, *names)

    def arm(self, name: str) -> Mapping[str, Any]:
        """The arm of this name; an empty one where the file holds none."""
        return next((arm for arm in self.rows("arms") if arm.get("name") == name), {})

    def label(self, name: str) -> str:
        """An arm's title, or its name."""
        return str(self.arm(name).get("title") or name)

    def estimate(self, arm: str, path: str) -> Mapping[str, Any]:
        """An arm's figure, empty where it has none."""
        found = nested(self.arm(arm), "figures").get(path)
        if is_number(found):
            return {"value": found}
        if isinstance(found, Mapping):
            return found
        # A path may contain dots, so that a figure is a key of its own, not a nest of objects.
        count = self.arm(arm).get("parameters") if path == "parameters" else None
        return {"value": count} if is_number(count) else {}

    def named(self, path: str) -> FigureName:
        """A figure's name in words, with its task or split where the study has several."""
        return figure_name(path, self._known)

    def cost(self, arm: str) -> Mapping[str, Any]:
        """What an arm's runs took."""
        return self.block("cost", "arms", arm)

    def inside(self, folder: object) -> Path:
        """A folder that the results name, refused if it lies outside the study."""
        path = PurePosixPath(str(folder))
        if not str(folder) or path.is_absolute() or ".." in path.parts:
            raise InputError(f"the folder '{folder}' lies outside the study",
                             path=self.folder / RESULTS)  # fmt: skip
        return self.folder / path

    def address(self, target: Path) -> str:
        """The relative address of a file, seen from the study's page."""
        return relative(target, self.page)


def relative(target: Path, page: Path) -> str:
    """The address of `target` as a link on `page` needs it."""
    path = os.path.relpath(target.resolve(), page.resolve().parent)
    return quote(Path(path).as_posix(), safe="/")


def is_study(folder: Path) -> bool:
    """Whether the folder holds a study's results (and not a run's)."""
    path = folder / RESULTS
    if not path.is_file():
        return False
    schema = read_json(path).get("schema")
    return isinstance(schema, str) and schema.partition("/")[0] == SCHEMA.partition("/")[0]


def read_study(folder: Path, page: Path) -> Study:
    """Read a study's folder; InputError names the file or field that is missing or malformed."""
    if not folder.is_dir():
        raise InputError("no such study folder", path=folder)
    path = folder / RESULTS
    data = read_json(path)
    if data.get("schema") != SCHEMA:
        raise InputError(f"is {data.get('schema')!r}, expected '{SCHEMA}'", path=path,
                         field="schema")  # fmt: skip
    for name, problem in _problems(data):
        raise InputError(problem, path=path, field=name)
    return Study(folder=folder, data=data, page=page, _known=frozenset(_figures(data)))


def _problems(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(dotted name, what is wrong) of everything that is not of the kind that it must be."""
    for name in _OBJECTS:
        if not isinstance(data.get(name, {}), Mapping):
            yield name, "is no object"
    yield from _problem_of_level("level", data)
    yield from _problems_of_chapters(data)
    for name in _LISTS:
        rows = data.get(name, [])
        if not isinstance(rows, list):
            yield name, "is no list"
            continue
        for number, row in enumerate(rows):
            where = f"{name}.{number}"
            if not isinstance(row, Mapping):
                yield where, "is no object"
                continue
            yield from _problems_of_rows(f"{where}.{_PARTS[name]}", row.get(_PARTS[name], []))
            if name == "arms":
                yield from _problem_of_level(f"{where}.level", row)
                yield from _problems_of_verdicts(where, row)


def _problem_of_level(where: str, holder: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    level = holder.get("level")
    if level is not None and not isinstance(level, Mapping):
        yield where, "is no object"


def _problems_of_verdicts(where: str, arm: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for number, run in enumerate(arm.get("runs") or []):
        verdict = run.get("convergence")
        if verdict is not None and not isinstance(verdict, str):
            yield f"{where}.runs.{number}.convergence", "is no text"


def _problems_of_chapters(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Of the chapters themselves, and of what names one that there is not."""
    chapters, titles = data.get("chapters", []), []
    yield from _problems_of_rows("chapters", chapters)
    for number, chapter in enumerate(chapters):
        title, where = chapter.get("title"), f"chapters.{number}.title"
        if not isinstance(title, str) or not title:
            yield where, "is no text"
        elif title in titles:
            yield where, f"'{title}' is there twice"
        titles.append(title)
    for name in _TOLD:
        rows = data.get(name)
        for number, row in enumerate(rows if isinstance(rows, list) else []):
            named = row.get("chapter") if isinstance(row, Mapping) else None
            if named and named not in titles:
                known = f"chapters: {', '.join(titles)}" if titles else "there are none"
                yield f"{name}.{number}.chapter", f"there is no chapter {named!r}; {known}"


def _problems_of_rows(where: str, rows: object) -> Iterator[tuple[str, str]]:
    if not isinstance(rows, list):
        yield where, "is no list"
        return
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            yield f"{where}.{number}", "is no object"


def _figures(data: Mapping[str, Any]) -> Iterator[str]:
    for arm in data.get("arms", []):
        yield from nested(arm, "figures")
