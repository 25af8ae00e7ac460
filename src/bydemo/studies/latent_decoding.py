"""What a representation says of steps: their latents, and how well each modality comes back.

R rows of `Batches`; the model is in eval mode and full precision, see `models/encoder.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bydemo.core.config import to_plain
from bydemo.data.batches import Batches
from bydemo.evaluation.latent.convergence import TOTAL, Floor
from bydemo.evaluation.latent.floors import PictureFloors
from bydemo.evaluation.latent.steps import Floats, Ints
from bydemo.models.representation import Representation
from bydemo.nets.freezing import exact

BATCH = 64
IMAGE, PROPRIOCEPTION, KL = "image", "proprioception", "kl_per_dimension"
FLOORS = {
    "bernoulli": "entropy of the grey levels",
    "squared": "no error",
    "gaussian": "no error, at the learned deviation",
    "logistic": "no error, at the learned scale",
}
"""Likelihood -> what the floor of its loss is."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Encoded:
    """latents (R, Z) float32; proprioception (R, P) as the model was shown it."""

    latents: NDArray[np.float32]
    proprioception: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Decoded:
    """errors: modality -> (R,) mean squared error of its reconstruction, and of the mean model;
    figures: name -> (R, ...) whatever the model tells of each sample."""

    errors: Mapping[str, tuple[Floats, Floats]]
    figures: Mapping[str, Floats]


def encode_rows(
    model: Representation, batches: Batches, rows: Ints, progress: Progress | None = None
) -> Encoded:
    """The latents of some samples."""
    latents, felt = [], []
    for start in range(0, len(rows), BATCH):
        batch = _tensors(model, batches, rows[start : start + BATCH])
        with torch.inference_mode(), exact(_place(model)):
            latents.append(model.encode(batch).float().cpu().numpy())
        felt.append(batch["proprioception"].cpu().numpy())
        if progress is not None:
            progress(min(start + BATCH, len(rows)), len(rows))
    return Encoded(latents=np.concatenate(latents), proprioception=np.concatenate(felt))


def decode_rows(
    model: Representation, batches: Batches, rows: Ints, means: Mapping[str, NDArray[Any]],
    progress: Progress | None = None,
) -> Decoded:  # fmt: skip
    """Reconstructions of some samples beside `means`: modality -> what the mean model says."""
    errors: dict[str, list[tuple[Floats, Floats]]] = {}
    figures: dict[str, list[Floats]] = {}
    for start in range(0, len(rows), BATCH):
        batch = _tensors(model, batches, rows[start : start + BATCH])
        with torch.inference_mode(), exact(_place(model)):
            said = model.reconstruct(batch)
            told = model.diagnostics(batch)
        for name, back in said.items():
            if name not in means:
                continue
            seen = _numbers(batch[name]) / (255 if name == IMAGE else 1)
            ours, mean = (_mean_square(x - seen) for x in (_numbers(back), means[name][None]))
            errors.setdefault(name, []).append((ours, mean))
        for name, values in told.items():
            figures.setdefault(name, []).append(_numbers(values))
        if progress is not None:
            progress(min(start + BATCH, len(rows)), len(rows))
    return Decoded(
        errors={
            name: (np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs]))
            for name, pairs in errors.items()
        },
        figures={name: np.concatenate(parts) for name, parts in figures.items()},
    )


def decode_images(model: Representation, latents: NDArray[Any]) -> NDArray[np.uint8] | None:
    """(R, H, W, I) uint8 pictures that latents (R, Z) stand for; None without a decoder."""
    with torch.inference_mode(), exact(_place(model)):
        said = model.decode(torch.from_numpy(latents.astype(np.float32)).to(_place(model)))
    if IMAGE not in said:
        return None
    levels: NDArray[np.uint8] = (_numbers(said[IMAGE]).clip(0, 1) * 255).round().astype(np.uint8)
    return levels


def loss_floors(config: Any, decoded: Decoded, pictures: PictureFloors | None) -> dict[str, Floor]:
    """Floors of the parts of the loss that the model states, and of the total where all are known.

    A mean model's loss is what its likelihood gives it: of a Bernoulli the cross entropy; of a
    squared error, or a Gaussian with its deviation as it is, what lies above the floor grows with
    the squared error; of others it is not known.
    """
    options = to_plain(config)
    out: dict[str, Floor] = {}
    for name in (IMAGE, PROPRIOCEPTION):
        if f"{name}_floor" not in decoded.figures or name not in decoded.figures:
            continue
        floor = float(decoded.figures[f"{name}_floor"].mean())
        kind = str(options.get(f"{name}_likelihood", ""))
        mean_model = None
        if kind == "bernoulli" and pictures is not None:
            mean_model = float(pictures.cross_entropy.mean())
        elif kind in ("squared", "gaussian") and name in decoded.errors:
            ours, mean = (float(e.mean()) for e in decoded.errors[name])
            above = float(decoded.figures[name].mean()) - floor
            mean_model = floor + above * mean / ours if ours > 0 else None
        out[name] = Floor(floor=floor, mean_model=mean_model, floor_is=FLOORS.get(kind, ""),
                          mean_model_is=f"the mean {_called(name)}")  # fmt: skip
    total = _total(options, out)
    return out | ({TOTAL: total} if total is not None else {})


def _called(name: str) -> str:
    return "picture" if name == IMAGE else name


def _total(options: Mapping[str, Any], parts: Mapping[str, Floor]) -> Floor | None:
    """The weighted sum, with the divergence at the least that it is charged for."""
    if set(parts) != set(options.get("modalities", ())) or not parts:
        return None
    weights = {name: float(options.get(f"{name}_weight", 1.0)) for name in parts}
    free = float(options.get("free_bits", 0.0)) * float(options.get("latent", 0))
    charged = float(options.get("beta", 0.0)) * free

    def added(which: str) -> float | None:
        values = {name: getattr(floor, which) for name, floor in parts.items()}
        if any(value is None for value in values.values()):
            return None
        return charged + sum(weights[name] * float(value) for name, value in values.items())

    return Floor(floor=added("floor"), mean_model=added("mean_model"), floor_is="all parts at once",
                 mean_model_is="all parts at once")  # fmt: skip


def _tensors(model: Representation, batches: Batches, rows: Ints) -> dict[str, Tensor]:
    return {n: torch.from_numpy(a).to(_place(model)) for n, a in batches.gather(rows).items()}


def _place(model: Representation) -> torch.device:
    return next(model.parameters()).device


def _numbers(values: Tensor) -> NDArray[Any]:
    return values.float().cpu().numpy().astype(np.float64)


def _mean_square(values: NDArray[Any]) -> Floats:
    out: Floats = (values.reshape(len(values), -1) ** 2).mean(axis=1)
    return out
