"""Carry out a whole study: record, train, judge, compare, report; nothing is done twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bydemo.cli.catalogue import STUDIES, studies
from bydemo.cli.console import OnProgress, complain, note, progress, say, show_facts, show_table
from bydemo.cli.dispatch import BAD_INPUT
from bydemo.cli.parsing import Positional, parse, parse_with, subject
from bydemo.cli.verbs.record import cores
from bydemo.cli.verbs.report import write
from bydemo.core.config import load_leaf
from bydemo.core.errors import InputError

if TYPE_CHECKING:
    from bydemo.studies.job_pool import Standing
    from bydemo.studies.plan import StudyPlan


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Carry out a whole study: record, train, judge, compare, report.

    Interrupted at any moment, the same command goes on where it stopped; when the plan or its
    options change, what they change is done anew.

    name: a name from `bydemo list studies`; its own options show with `bydemo study NAME --help`.
    folder: of the study; studies/<name> unless given.
    workers: processes that train and act at the same time, with one thread each; 0 does it in this.
    ask: only print the questions and what would be run.
    """

    name: Positional[str]
    folder: Path | None = None
    workers: int = field(default_factory=cores)
    ask: bool = False


def run(words: Sequence[str]) -> int:
    """Find the plan, print what it asks, do what is missing, print what it found."""
    name = subject(words, "study", studies())
    if name is None:
        parse(Arguments, words, verb="study")  # help, or what is missing
        raise InputError(f"comes first, one of {', '.join(studies())}", field="study")
    leaf = load_leaf(STUDIES, "study", name)
    given, options = parse_with(
        Arguments, leaf.Config(), words, verb=f"study {name}", about=studies()[name]
    )
    from bydemo.sim.gl import choose_gl

    choose_gl()
    plan: StudyPlan = leaf.plan(options)
    plan.check()
    folder = given.folder or Path("studies") / name
    show_questions(plan)
    if given.ask:
        return 0
    from bydemo.studies.run_study import run_study

    try:
        with progress(f"study {name}", "runs") as update:
            results = run_study(plan, folder, options=options, workers=given.workers,
                                watch=_watch(update))  # fmt: skip
    except (KeyboardInterrupt, SystemExit):
        note("Stopped. The same command goes on from here.")
        raise
    show_findings(results)
    failed = _failures(results)
    for line in failed:
        complain(line)
    page = folder / "report.html"
    write([folder], page)
    say(f"{page} opens in any browser.")
    return BAD_INPUT if failed else 0


def show_questions(plan: StudyPlan) -> None:
    """What is asked, before anything is known."""
    runs = sum(max(len(arm.seeds), 1) for arm in plan.arms)
    trials = sum(search.trials * len(search.seeds) for search in plan.searches)
    show_facts(plan.title, [
        *([("about", plan.about)] if plan.about else []),
        ("arms", ", ".join(arm.name for arm in plan.arms)),
        ("runs", f"{runs}" + (f", and {trials} of searches" if trials else "")),
    ])  # fmt: skip
    for question in plan.questions:
        show_facts(question.title, [
            ("varies", question.varies), ("hypothesis", question.why),
            ("decided by", question.decides),
            ("arms", f"{', '.join(question.arms)} beside {question.control}"),
        ])  # fmt: skip
    for search in plan.searches:
        show_facts(search.title, [
            ("varies", search.varies), ("hypothesis", search.why),
            ("decided by", search.decides), ("fields", ", ".join(search.space)),
        ])  # fmt: skip
    for ranking in plan.rankings:
        show_facts(ranking.title, [
            ("hypothesis", ranking.why), ("ranks", f"{ranking.x} against {ranking.y}"),
        ])  # fmt: skip


def show_findings(results: Mapping[str, Any]) -> None:
    """The tables of effects, and the conclusions."""
    arms = {arm["name"]: arm for arm in results["arms"]}
    for question in results["questions"]:
        figure = question["decides"]
        rows = []
        for name in (question["control"], *question["arms"]):
            found = arms[name]["figures"].get(figure)
            effect = next((e for e in question["effects"] if e["arm"] == name), None)
            minutes = results["cost"]["arms"][name]["wall_minutes"]
            rows.append([
                name, _figure(found), *_gap(effect, figure),
                "" if minutes is None else f"{minutes:.1f}",
            ])  # fmt: skip
        columns = ["arm", figure, f"minus {question['control']}", "verdict", "min a run"]
        show_table(question["title"], columns, rows)
        for sentence in question["conclusions"]:
            say(f"  {sentence}")
    for ranking in results["rankings"]:
        say(f"{ranking['title']} {ranking['conclusion']}")
    for search in results["searches"]:
        rows = [
            [str(t["number"]), *(f"{t['changes'].get(n, '')}" for n in search["space"]),
             "" if t["value"] is None else f"{t['value']:.4g}", t["state"]]
            for t in search["trials"]
        ]  # fmt: skip
        show_table(search["title"], ["trial", *search["space"], search["decides"], "state"], rows)
    cost = results["cost"]
    say(f"{cost['wall_minutes']:.1f} minutes, {cost['cpu_hours']:.2f} CPU-hours of runs.")


def _figure(found: Mapping[str, Any] | None) -> str:
    if found is None or found["value"] is None:
        return "none yet"
    bounds = "" if found["low"] is None else f" ({found['low']:.4g} to {found['high']:.4g})"
    return f"{found['value']:.4g}{bounds}"


def _gap(effect: Mapping[str, Any] | None, figure: str) -> list[str]:
    if effect is None:
        return ["", "the control"]
    found = effect["figures"][figure]
    if "problem" in found:
        return ["", found["problem"]]
    bounds = "" if found["low"] is None else f" ({found['low']:+.4g} to {found['high']:+.4g})"
    return [f"{found['value']:+.4g}{bounds}", effect["verdict"]]


def _failures(results: Mapping[str, Any]) -> list[str]:
    runs = [(arm["name"], run) for arm in results["arms"] for run in arm["runs"]]
    rows = [(name, run["folder"], run["reason"]) for name, run in runs if run["state"] == "failed"]
    for search in results["searches"]:
        rows += [(search["name"], t["folder"], t["reason"]) for t in search["trials"]
                 if t["state"] == "failed"]  # fmt: skip
    broken = [f"search {search['name']}: {why}" for search in results["searches"]
              for why in search["problems"]]  # fmt: skip
    return [*(f"{folder}: {reason}" for _, folder, reason in rows), *broken]


def _watch(update: OnProgress) -> Any:
    from bydemo.studies.run_study import Watch

    def running(now: Standing) -> None:
        doing = "; ".join(f"{key} {what}".rstrip() for key, what in now.running.items())
        left = "" if now.left is None else f"about {_time(now.left)} left; "
        update(now.done, now.total, left + doing)
        if now.news:
            note(f"{now.done} of {now.total}: {now.news}")

    def recording(name: str, done: int, total: int) -> None:
        update(done, total, f"recording {name}")

    return Watch(recording=recording, running=running)


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
