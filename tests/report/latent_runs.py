"""A run folder of a representation with figures of a plausible study, as judging writes it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tests.evaluation.latent.made import LATENT, halves, made

from bydemo.core.results import SCHEMA, append_line, write_bytes, write_json
from bydemo.evaluation.latent.analysis import MAP, analyse
from bydemo.evaluation.latent.convergence import Floor, convergence
from bydemo.evaluation.latent.dimensions import kl_figures

EPOCHS = 30


def metrics(*, falling: float = 0.0) -> list[dict[str, Any]]:
    """Rows of a training whose image part ends flat, or falls by so much an epoch."""
    rows = []
    for epoch in range(1, EPOCHS + 1):
        image = 57_000 + 9000 * np.exp(-epoch / 2) + falling * (EPOCHS - epoch)
        parts = {"image": image, "kl": 20 + 0.4 * epoch}
        row = {"epoch": epoch, "step": 100 * epoch, "seconds": 2.0 * epoch,
               "loss": image + parts["kl"], "parts": parts}  # fmt: skip
        rate = {"learning_rate": 1e-4 * (1 - epoch / 31), "gradient_norm": 3 / epoch}
        rows += [{"kind": "train", **row, **rate}, {"kind": "validation", **row}]
    return rows


def latent_block(*, falling: float = 0.0) -> tuple[dict[str, Any], dict[str, Any]]:
    """The block and its map's points, of latents whose truth is known."""
    steps = made(episodes=30, length=15)
    found, files = analyse(steps, *halves(steps), permutations=50)
    kl = np.abs(steps.representations[LATENT].astype(np.float64))
    found["dimensions"]["kl"] = kl_figures(steps, kl)
    floor = Floor(floor=56_000.0, mean_model=68_000.0, floor_is="entropy of the grey levels",
                  mean_model_is="the mean picture")  # fmt: skip
    found["convergence"] = convergence(metrics(falling=falling), {"image": floor})
    share = {"value": 0.71, "low": 0.7, "high": 0.72}
    found["reconstruction"] = {"image": {"kept": share, "mse": share, "mean_model_mse": share}}
    found["map"]["file"] = "latent/map.json"
    found["strips"] = [
        {"file": "latent/reconstruction.png", "title": "Reconstructions", "note": "Two <rows>."}
    ]
    return {"split": "test", **found}, files[MAP]


def write_latent_run(folder: Path, name: str = "vae", *, falling: float = 0.0) -> Path:
    """Writes a whole run folder and returns it."""
    block, points = latent_block(falling=falling)
    buffer = io.BytesIO()
    picture = np.random.default_rng(0).integers(0, 256, (180, 800), np.uint8)
    Image.fromarray(picture).save(buffer, "PNG")
    write_bytes(folder / "latent" / "reconstruction.png", buffer.getvalue())
    write_json(folder / "latent" / "map.json", points)
    for row in metrics(falling=falling):
        append_line(folder / "metrics.jsonl", row)
    write_json(folder / "config.json", {"schema": "bydemo.run/1", "recipe": name, "seed": 1})
    write_json(folder / "results.json", {
        "schema": SCHEMA, "name": name, "recipe": name, "offline": {}, "rollouts": {},
        "training": {"parameters": 5_010_465, "epochs": EPOCHS}, "latent": block,
    })  # fmt: skip
    return folder
