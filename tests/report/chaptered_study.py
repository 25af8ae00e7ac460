"""A study told in chapters: representations that were judged by probes, policies that start from
them, fourteen arms in one question, a level of the loss, latencies, and learning curves."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from tests.report.studies import HOSTILE, RATE, SEEDS, difference, estimate

from bydemo.core.results import SCHEMA, append_line, write_json

PROBE = "probe.latent.object_position (out of the hand).linear.r2"
RIVAL = "probe.pixel components.object_position (out of the hand).linear.r2"
PURITY, KEPT, ACTIVE, KL = (
    "latent.purity.phase", "latent.kept.image", "latent.active", "latent.kl",
)  # fmt: skip
UNSURE = "cannot tell from n = 3 seeds x 100 episodes"
ENCODERS, POLICIES = "What does the latent hold?", "Which policy learns best?"
HEADS = [
    "lstm", "gru", "transformer", "perceptron", "mixture", "bins", "keyframes", "chunks of ten",
    "wide perceptron", "no prompt", "balanced classes", "a head whose title takes up a whole line",
    "residual",
]  # fmt: skip


def encoder(name: str, r2: float, verdicts: list[str]) -> dict[str, Any]:
    """A representation with its probes and the verdicts on its three trainings."""
    values = [r2 - 0.02, r2, r2 + 0.02]
    figures = {
        PROBE: estimate(values, 0.04), PURITY: estimate([0.61, 0.64, 0.60], 0.02, None),
        RIVAL: estimate([0.31] * 3, 0.0, None), KEPT: estimate([0.87, 0.88, 0.86], 0.02, None),
        ACTIVE: estimate([31.0, 30.0, 32.0], 2.0, None),
        KL: estimate([41.2, 40.1, 42.7], 2.0, None),
    }  # fmt: skip
    return {**bare(name, 5_010_465), "figures": figures, "runs": [
        {**run, "convergence": verdict}
        for run, verdict in zip(bare(name, 0)["runs"], verdicts, strict=True)
    ]}  # fmt: skip


def policy(name: str, rate: float, *, after: str | None, level: dict[str, Any]) -> dict[str, Any]:
    """A head on a frozen encoder."""
    rates = {RATE: estimate([rate - 0.03, rate, rate + 0.04], 0.06)}
    return {**bare(name, 41_542), "after": after, "parameters_in_all": 5_052_007, "level": level,
            "figures": rates}  # fmt: skip


def bare(name: str, parameters: int) -> dict[str, Any]:
    """A trained arm without figures."""
    runs = [{"seed": s, "folder": f"runs/{name.replace(' ', '-')}/seed-{s}", "state": "finished",
             "reason": None, "convergence": None} for s in SEEDS]  # fmt: skip
    return {"name": name, "title": name, "about": "", "kind": "train", "dataset": "arm",
            "after": None, "settings": {"recipe": name}, "seeds": list(SEEDS), "runs": runs,
            "parameters": parameters, "parameters_in_all": None, "level": None}  # fmt: skip


def chaptered_results() -> dict[str, Any]:
    """The whole file."""
    arms = [
        encoder("vae", 0.52, ["converged"] * 3),
        encoder("beta 4", 0.38, ["converged", "still falling",
                                 "cannot tell: only three epochs to fit"]),
    ]  # fmt: skip
    reached = [{"reached": 3, "runs": 3, "samples": 26_000.0},
               {"reached": 2, "runs": 3, "samples": 31_500.0},
               {"reached": 0, "runs": 3, "samples": None}]  # fmt: skip
    for number, name in enumerate(HEADS):
        rate = 0.35 + 0.04 * number
        arms.append(policy(name, rate, after="vae", level=reached[number % 3]))
    return {
        "schema": "bydemo.study/1", "name": "arm", "title": "Arm: from pictures to policies",
        "about": "What is a representation worth?", "options": {}, "complete": True,
        "jobs": {"total": 45, "finished": 45, "failed": 0}, "tasks": {}, "datasets": {},
        "level": {"part": "cross_entropy", "at_most": 0.5}, "arms": arms,
        "chapters": [
            {"title": ENCODERS, "about": "Judged without any policy, by what can be read off."},
            {"title": POLICIES, "about": "Heads on the same frozen encoder, on the same seeds."},
        ],
        "questions": [*questions(arms)], "rankings": [ranking(arms)], "searches": [search()],
        "cost": {"wall_minutes": 312.0, "cpu_hours": 9.1, "workers": 2, "datasets": {}, "arms": {
            arm["name"]: {"wall_minutes": 6.1, "cpu_hours": 0.2, "training_seconds": 341.0,
                          "samples_per_second": 4100.0, "peak_memory_mb": 811.0,
                          "latency_ms": 5.31 if arm["parameters_in_all"] else None, "runs": []}
            for arm in arms}},
        "made": {},
    }  # fmt: skip


def questions(arms: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One of representations, two of policies, and one that belongs to no chapter."""
    gap = difference([0.36, 0.38, 0.40], [0.50, 0.52, 0.54], 0.05, "worse")
    latent = {
        "title": "Does a stronger prior cost anything?", "chapter": ENCODERS, "decides": PROBE,
        "varies": "the weight of the KL", "why": "It squeezes units out.", "also": [RIVAL, PURITY],
        "higher_is_better": True, "control": "vae", "arms": ["beta 4"], "curve": None,
        "effects": [{"arm": "beta 4", "verdict": "worse", "figures": {PROBE: gap}}],
        "conclusions": [f"beta 4 is worse than vae: {PROBE} -0.14 (-0.19 to -0.09)."],
    }  # fmt: skip
    heads = {
        "title": "Which head?", "chapter": POLICIES, "varies": "the head", "decides": RATE,
        "why": "A recurrent one knows what it did before.", "also": [], "higher_is_better": True,
        "control": HEADS[0], "arms": HEADS[1:], "curve": None,
        "effects": [effect(arm, number) for number, arm in enumerate(arms[3:], start=1)],
        "conclusions": [f"{name} against {HEADS[0]}: {UNSURE}." for name in HEADS[1:]],
    }  # fmt: skip
    few = {**heads, "title": HOSTILE, "arms": HEADS[1:3], "effects": heads["effects"][:2]}
    return [latent, heads, few, {**few, "title": "What else?", "chapter": ""}]


def effect(arm: dict[str, Any], number: int) -> dict[str, Any]:
    """A head beside the first one."""
    verdict = "better" if number > 4 else UNSURE
    gap = 0.04 * number
    found = difference([gap - 0.02, gap, gap + 0.02], [0.0] * 3, 0.15, verdict)
    return {"arm": arm["name"], "verdict": verdict, "figures": {RATE: found}}


def ranking(arms: list[dict[str, Any]]) -> dict[str, Any]:
    """Of the policies."""
    found = [(arm["name"], arm["figures"][RATE]["value"]) for arm in arms[2:]]
    points = [{"arm": name, "x": 1.0 - rate, "y": rate} for name, rate in found]
    return {"title": "Does the loss rank policies?", "chapter": POLICIES, "why": "It is cheap.",
            "x": "training.loss", "y": RATE, "points": points, "n": len(points),
            "rho": {"value": -1.0, "low": -1.0, "high": -0.9}, "expected": "negative",
            "verdict": "ranks", "conclusion": f"Does training.loss rank {RATE}? Yes."}  # fmt: skip


def search() -> dict[str, Any]:
    """Of the representation's learning rate."""
    trials = [{"number": k, "changes": {"training.learning_rate": 10.0**-k},
               "value": 0.4 + 0.01 * k, "folder": f"searches/rate/trial-{k:04d}",
               "state": "finished", "reason": None}
              for k in range(2, 6)]  # fmt: skip
    return {"title": "Which learning rate?", "chapter": ENCODERS, "decides": PROBE, "space": {},
            "varies": "the learning rate", "why": "It matters.", "higher_is_better": True,
            "sampler": "tpe", "trials": trials, "best": 5, "importance": {}}  # fmt: skip


def write_chaptered_study(folder: Path, results: dict[str, Any] | None = None) -> Path:
    """The folder with its results and a run folder for every run of an arm; returns it."""
    found = results or chaptered_results()
    for place, arm in enumerate(found["arms"]):
        for run in arm["runs"]:
            write_training(folder / run["folder"], run["seed"], place, latent=not arm["after"])
    write_json(folder / "results.json", found)
    return folder


def write_training(folder: Path, seed: int, place: int, *, latent: bool) -> None:
    """A run folder of which only the training is known: fifty rounds of eight steps of 64."""
    folder.mkdir(parents=True)
    experiment = {"training": {"batch_size": 64, "seed": seed}}
    write_json(
        folder / "config.json",
        {"schema": "bydemo.run/1", "recipe": "made", "seed": seed, "experiment": experiment},
    )
    for epoch in range(1, 51):
        level = 0.3 + 0.01 * place + 0.001 * seed
        loss = level + math.exp(-epoch / (5 + place))
        parts = {"image": 0.9 * loss, "kl": 0.1 * loss} if latent else {"cross_entropy": loss}
        if place == 3:
            parts["position_mse"] = 0.5 * loss
        append_line(folder / "metrics.jsonl", {
            "kind": "validation", "epoch": epoch, "step": 8 * epoch, "seconds": 1.0 * epoch,
            "loss": sum(parts.values()), "parts": parts})  # fmt: skip
    write_json(folder / "results.json", {
        "schema": SCHEMA, "name": folder.name, "recipe": "made", "experiment": experiment,
        "seed": seed, "dataset": {}, "training": {"stopped": "finished", "epochs": 50},
        "offline": {}, "rollouts": {}, "versions": {}})  # fmt: skip
