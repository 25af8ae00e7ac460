"""A study's folder made by hand from its schema: two questions, a ranking, a search, missing
figures, an arm of one seed, failed jobs and names that would be markup if nobody escaped them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.report.pusher_runs import rollouts, write_pusher_run

from bydemo.core.results import write_json

HOSTILE = "<script>alert('x')</script>&"
SCORE, RETURN, RATE = "rollouts.pusher.score", "rollouts.pusher.return", "rollouts.pusher.rate"
LOSS = "training.loss"
SEEDS = (1, 2, 3)
SCORES = {
    "plain-10": 76.0, "plain-50": 91.5, "plain-200": 92.4, "plain-1000": 95.3,
    "dart-10": 84.0, "dart-50": 98.1, "dart-200": 99.7, "dart-1000": 99.8, "wide-200": 92.9,
}  # fmt: skip


def estimate(values: Sequence[float], half: float, episodes: int | None = 100) -> dict[str, Any]:
    """A figure of an arm, one value a training seed."""
    mean, n = sum(values) / len(values), len(values)
    over = "episodes" if n == 1 else "seeds x episodes"
    seeds = [{"seed": s, "value": v} for s, v in zip(SEEDS, values, strict=False)]
    return {"value": mean, "low": mean - half, "high": mean + half, "n": n, "episodes": episodes,
            "over": over, "seeds": seeds}  # fmt: skip


def difference(
    ours: Sequence[float], theirs: Sequence[float], half: float, verdict: str
) -> dict[str, Any]:
    """A paired difference to the control."""
    gaps = [a - b for a, b in zip(ours, theirs, strict=False)]
    return {**estimate(gaps, half), "verdict": verdict, "higher_is_better": True}


def seeds_of(score: float, n: int = 3) -> list[float]:
    """The score of each training seed."""
    spread = (100.2 - score) / 6
    return [score + spread * k for k in (-1.0, 0.1, 0.9)[:n]]


def arm(name: str, score: float, n: int = 3) -> dict[str, Any]:
    """A trained arm with all its figures."""
    scores = seeds_of(score, n)
    half = max(0.2, (100 - score) / 4)
    back = [-54.9 + 0.325 * s for s in scores]
    loss = [0.001 + 0.0001 * (hash_of(name) % 7) + 1e-5 * k for k in range(n)]
    return {
        "name": name, "title": name.replace("-", ", ") + " episodes", "about": "The plain recipe.",
        "kind": "train", "dataset": "clean", "after": None, "seeds": list(SEEDS[:n]),
        "settings": {"recipe": "states.cloning", "experiment": {
            "data": {"episodes": int(name.rsplit("-", 1)[1]), "noise": "dart" in name},
            "model": {"width": 512 if name.startswith("wide") else 256}}},
        "runs": [{"seed": s, "folder": f"runs/{name}/seed-{s}", "state": "finished", "reason": None}
                 for s in SEEDS[:n]],
        "parameters": 74_247,
        "figures": {
            SCORE: estimate(scores, half), RETURN: estimate(back, 0.3 * half),
            RATE: estimate([min(1.0, s / 100) for s in scores], 0.03),
            "rollouts.pusher.steps": estimate([100.0] * n, 0.0),
            LOSS: {**estimate(loss, 1e-5, None), "over": "seeds"},
            "offline.test.policy.torque.rmse": estimate([0.03] * n, 0.001, 40),
            "offline.test.mean action.torque.rmse": {
                "value": 0.41, "low": None, "high": None, "n": n, "episodes": None, "over": "",
                "seeds": []},
        },
    }  # fmt: skip


def hash_of(name: str) -> int:
    """The same for a name in every process."""
    return sum(map(ord, name))


def reference(name: str, value: float) -> dict[str, Any]:
    """An arm that trains nothing."""
    half = 0.7
    figure = {"value": value, "low": value - half, "high": value + half, "n": 0, "episodes": 100,
              "over": "episodes", "seeds": []}  # fmt: skip
    run = {"seed": None, "folder": f"runs/{name}/once", "state": "finished", "reason": None}
    return {"name": name, "title": "", "about": "", "kind": "act", "dataset": None, "after": None,
            "settings": {"actor": {"name": name}}, "seeds": [], "parameters": None, "runs": [run],
            "figures": {RETURN: figure}}  # fmt: skip


def effect(name: str, control: str, verdict: str) -> dict[str, Any]:
    """An arm beside its control."""
    ours, theirs = seeds_of(SCORES[name]), seeds_of(SCORES[control])
    half = abs(SCORES[name] - SCORES[control]) * (0.4 if verdict in ("better", "worse") else 1.8)
    return {"arm": name, "verdict": verdict, "figures": {
        SCORE: difference(ours, theirs, half, verdict),
        RATE: difference([s / 100 for s in ours], [s / 100 for s in theirs], half / 100, verdict),
        LOSS: {"problem": "the two were not judged on the same episodes"},
    }}  # fmt: skip


UNSURE = "cannot tell from n = 3 seeds x 100 episodes"


def questions() -> list[dict[str, Any]]:
    """A question with a curve, one of a lost arm, and one without any outcome yet."""
    noisy = [effect("dart-50", "plain-50", "better"), effect("wide-200", "plain-200", UNSURE)]
    nothing = {"problem": "no run of lost has this figure"}
    lost = {"arm": "lost", "verdict": "cannot tell", "figures": {SCORE: nothing}}
    basis = "n = 3 seeds x 100 episodes"
    return [
        {"title": "Does noise in the demonstrations help?", "varies": "where the noise goes",
         "why": "An expert that is pushed off its path shows how to come back; the same number of "
                "clean episodes does not hold such states, however well they are fitted.",
         "decides": SCORE, "also": [RATE, LOSS], "higher_is_better": True, "control": "plain-200",
         "arms": ["dart-50", "wide-200", "dart-200"],
         "effects": [*noisy, effect("dart-200", "plain-200", "better")],
         "conclusions": [
             f"dart, 50 is better than plain, 200: {SCORE} +5.7 (+3.4 to +8), {basis}.",
             f"wide, 200 against plain, 200: {UNSURE}; the difference of +0.5 lies between -0.4 "
             "and +1.4.",
             f"dart, 200 is better than plain, 200: {SCORE} +7.3 (+4.4 to +10.2), {basis}."],
         "curve": {"x_label": "demonstrations", "log": True, "series": {
             kind: {name: int(name.split("-")[1]) for name in SCORES if name.startswith(kind)}
             for kind in ("plain", "dart")}}},
        {"title": HOSTILE, "varies": HOSTILE, "why": HOSTILE, "decides": SCORE,
         "higher_is_better": True, "control": "plain-200", "arms": ["lost", "plain-10"],
         "effects": [lost, effect("plain-10", "plain-200", "worse")], "curve": None,
         "conclusions": [
             "lost against plain, 200: nothing to compare, no run of lost has this figure.",
             f"plain, 10 is worse than plain, 200: {SCORE} -16.4 (-23 to -9.8)."]},
    ]  # fmt: skip


def searches() -> list[dict[str, Any]]:
    """A search of twenty trials, one of which failed."""
    trials: list[dict[str, Any]] = []
    for number in range(20):
        rate = 10 ** (-5 + 3 * ((7 * number) % 20) / 19)
        failed = number == 4
        trials.append({
            "number": number, "changes": {"training.learning_rate": rate, "model.loss": "mse"},
            "value": None if failed else 95 - 4 * abs(number % 7 - 3),
            "folder": f"searches/rate/trial-{number:04d}",
            "state": "failed" if failed else "finished",
            "reason": f"loss is no number {HOSTILE}" if failed else None,
        })  # fmt: skip
    rates = {"low": 1e-5, "high": 1e-2, "log": True, "whole": False}
    return [{
        "title": "Which learning rate?", "varies": "the learning rate", "why": "It matters most.",
        "decides": SCORE, "higher_is_better": True, "sampler": "tpe", "trials": trials,
        "space": {"training.learning_rate": rates, "model.loss": {"choices": ["mse", "huber"]}},
        "best": 3, "importance": {"training.learning_rate": -0.41},
    }]  # fmt: skip


def study_results(*, complete: bool = False) -> dict[str, Any]:
    """The whole file."""
    arms = [arm(name, score) for name, score in SCORES.items()]
    arms.append(arm("single-200", 93.0, n=1))
    lost = arm("single-200", 0.0)
    lost |= {"name": "lost", "title": HOSTILE, "figures": {}, "parameters": None}
    lost["runs"] = [
        {"seed": 1, "folder": "runs/lost/seed-1", "state": "failed",
         "reason": f"TrainingError: the loss is not finite {HOSTILE}" + " and so on" * 20},
        {"seed": 2, "folder": "runs/lost/seed-2", "state": "waiting", "reason": None},
    ]  # fmt: skip
    values = [{path: a["figures"][path]["value"] for path in (LOSS, SCORE)} for a in arms]
    points = [
        {"arm": a["name"], "x": found[LOSS], "y": found[SCORE]}
        for a, found in zip(arms, values, strict=True)
    ]
    arms += [lost, reference("expert", -22.4), reference("still", -54.9)]
    return {
        "schema": "bydemo.study/1", "name": "pusher", "title": "Pusher: cloning from states",
        "about": "How far does plain imitation get on the smallest of tasks, and what helps?",
        "options": {"preset": "quick"}, "complete": complete,
        "jobs": {"total": 33, "finished": 31, "failed": 1},
        "tasks": {"pusher": {"task": "pusher", "task_config": {"max_steps": 100},
                             "first_seed": 0, "n": 100}},
        "datasets": {"clean": {"path": "data/clean", "fingerprint": "ab" * 32, "episodes": 1040,
                               "steps": 104_000, "splits": {"train": 1000, "test": 40},
                               "recorded": {"task": "pusher", "noise": 0.0}}},
        "arms": arms, "questions": questions(),
        "rankings": [{"title": "Does the training loss rank policies?", "x": LOSS, "y": SCORE,
                      "why": "It is what everybody looks at.", "points": points, "n": len(points),
                      "rho": {"value": -0.12, "low": -0.71, "high": 0.58}, "expected": "negative",
                      "verdict": "cannot tell from n = 10 arms",
                      "conclusion": f"Does {LOSS} rank {SCORE}? cannot tell from n = 10 arms."}],
        "searches": searches(),
        "cost": {"wall_minutes": 27.4, "cpu_hours": 0.83, "workers": 2, "datasets": {},
                 "arms": {name: {"wall_minutes": 1.2, "cpu_hours": 0.018, "training_seconds": 61.0,
                                 "samples_per_second": 91_000.0, "peak_memory_mb": 411.0,
                                 "runs": []} for name in SCORES}},
        "made": {"command": "bydemo study pusher", "machine": {"system": "Linux", "cores": 2},
                 "versions": {"python": "3.11.2", "bydemo": "0.2.0"}},
    }  # fmt: skip


def write_study(folder: Path, results: dict[str, Any] | None = None) -> Path:
    """The folder with its results and a few of the runs behind it; returns it."""
    for name in ("plain-200", "dart-200"):
        for seed in SEEDS:
            write_pusher_run(folder / f"runs/{name}/seed-{seed}", f"seed-{seed}", seed=seed, n=30)
    write_pusher_run(folder / "searches/rate/trial-0003/seed-1", "seed-1", n=30)
    write_json(folder / "runs/expert/once/results.json", {
        "schema": "bydemo.results/1", "name": "expert", "recipe": None, "offline": {},
        "rollouts": {"pusher": rollouts(-22.4, n=30)}, "versions": {},
    })  # fmt: skip
    write_json(folder / "results.json", results or study_results())
    return folder
