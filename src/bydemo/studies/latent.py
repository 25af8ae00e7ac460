"""A finished run of a representation judged by what it holds, without any downstream task."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bydemo.core.errors import InputError
from bydemo.core.results import read_lines, versions, write_json
from bydemo.data.batches import BatchConfig, Batches, order
from bydemo.data.source import Dataset
from bydemo.data.view_cache import view_array
from bydemo.evaluation.latent import rivals
from bydemo.evaluation.latent.analysis import FOLDER, MAP, analyse
from bydemo.evaluation.latent.convergence import Floor, convergence
from bydemo.evaluation.latent.dimensions import kl_figures
from bydemo.evaluation.latent.floors import mean_picture, picture_floors
from bydemo.evaluation.latent.probes import MOST_TRAINING
from bydemo.evaluation.latent.reconstruction import kept
from bydemo.evaluation.latent.steps import Floats, Ints, LatentSteps
from bydemo.models.encoder import Encoder
from bydemo.models.folder import shapes_for
from bydemo.models.representation import Representation, RepresentationConfig
from bydemo.studies import latent_strips as strips
from bydemo.studies.experiment import Experiment
from bydemo.studies.latent_decoding import (
    IMAGE,
    KL,
    PROPRIOCEPTION,
    Decoded,
    decode_images,
    decode_rows,
    encode_rows,
    loss_floors,
)
from bydemo.studies.latent_targets import targets
from bydemo.studies.prepare import training_episodes
from bydemo.studies.run import RESULTS, command_line, open_dataset, open_run
from bydemo.training.record import METRICS

LATENT = "latent"
MOST_JUDGED = 10_000
"""Steps of whole episodes that are judged; of more, a seeded draw of episodes."""
MOST_DECODED = 1000
"""Steps that are reconstructed, for the figures of a modality and for its floors."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """Which steps are asked for: rows of `batches`, whose samples are all steps of its episodes.

    fitted: of training episodes, thinned; judged: every step of the judged ones.
    """

    encoder: Encoder
    dataset: Dataset
    batches: Batches
    train: tuple[int, ...]
    held_out: tuple[int, ...]
    fitted: Ints
    judged: Ints

    @property
    def rows(self) -> Ints:
        """All of them."""
        return np.concatenate([self.fitted, self.judged])


def is_representation(run: Path) -> bool:
    """Whether a run learned a representation, which `judge_latent` judges, and no policy."""
    return isinstance(open_run(run)[0].model, RepresentationConfig)


def judge_latent(
    run: Path,
    split: str | None = None,
    *,
    dataset: Path | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Judge the run's representation on `split` (test, or else the last that is held out), write
    the map's points and the pictures beside it, and add `latent` to its `results.json`."""
    begun = time.monotonic()
    experiment, results = open_run(run)
    encoder = Encoder.from_pretrained(run)
    data = open_dataset(results, dataset)
    chosen = split or _held_out(data, experiment)
    said = progress or (lambda what, done, total: None)
    asked = _ask(encoder, data, training_episodes(experiment.data, data), data.split(chosen))
    seen = encode_rows(encoder.model, asked.batches, asked.rows, _telling("encoding", said))
    steps = _steps(asked, seen.latents, seed, said)
    found, files = analyse(steps, asked.train, asked.held_out, seed=seed, progress=said)
    found = {"split": chosen, **found}
    felt = seen.proprioception[: len(asked.fitted)].mean(axis=0, dtype=np.float64)
    means = _means(asked, felt)
    thin = thinned(asked.judged, MOST_DECODED)
    decoded = decode_rows(encoder.model, asked.batches, thin, means, _telling("decoding", said))
    thin_steps = _bare(asked, thin)
    found["reconstruction"] = kept(thin_steps, decoded.errors, seed=seed)
    kl = decoded.figures.get(KL)
    found["dimensions"]["kl"] = None if kl is None else kl_figures(thin_steps, kl, seed=seed)
    floors = _floors(asked, experiment, means, said)
    found["convergence"] = convergence(read_lines(run / METRICS), floors)
    found["map"]["file"] = f"{FOLDER}/{MAP}"
    for name, content in files.items():
        write_json(run / FOLDER / name, content)
    found["strips"] = _strips(run, asked, seen.latents, decoded, seed)
    found["seconds"] = time.monotonic() - begun
    whole = {**results, "latent": found,
             "evaluation": {"command": command_line(), "versions": versions()}}  # fmt: skip
    write_json(run / RESULTS, whole)
    return whole


def _held_out(data: Dataset, experiment: Experiment) -> str:
    names = [name for name in data.splits if name != experiment.data.train_split]
    if not names:
        raise InputError("the dataset has no held-out split", path=data.path, field="split")
    return "test" if "test" in names else names[-1]


def _ask(encoder: Encoder, data: Dataset, train: Sequence[int], judged: Sequence[int]) -> Asked:
    held_out = _capped(data, judged)
    config = BatchConfig(view=encoder.view, history=encoder.history, actions=False)
    every = tuple(dict.fromkeys([*train, *held_out]))
    batches = Batches(data, every, encoder.codec, encoder.vocabulary, config)
    return Asked(
        encoder=encoder, dataset=data, batches=batches, train=tuple(train), held_out=held_out,
        fitted=thinned(_rows(batches, train), MOST_TRAINING), judged=_rows(batches, held_out),
    )  # fmt: skip


def _capped(data: Dataset, episodes: Sequence[int]) -> tuple[int, ...]:
    """Whole episodes of at most MOST_JUDGED steps together, in their order; at least two."""
    drawn = [episodes[int(i)] for i in order(len(episodes), 0, 0)]
    steps = np.cumsum([data.episodes[i].length for i in drawn])
    count = max(int((steps <= MOST_JUDGED).sum()), 2)
    return tuple(sorted(drawn[:count]))


def _rows(batches: Batches, episodes: Sequence[int]) -> Ints:
    return np.flatnonzero(np.isin(batches.episode_of, np.asarray(episodes))).astype(np.int64)


def thinned(rows: Ints, most: int) -> Ints:
    """Every n-th of rows in order, so that at most `most` are left."""
    return rows[:: -(-len(rows) // most)] if len(rows) else rows


def _bare(asked: Asked, rows: Ints) -> LatentSteps:
    """Whose steps these rows are, and nothing else of them."""
    batches = asked.batches
    episode = batches.episode_of[rows]
    step = batches.steps[rows] - asked.dataset.starts[episode]
    return LatentSteps(
        episode=episode, step=step, representations={LATENT: np.zeros((len(rows), 1))}
    )


def _steps(asked: Asked, latents: NDArray[np.float32], seed: int, said: Progress) -> LatentSteps:
    """The judged representation beside its rivals, and what is known of the steps."""
    encoder, batches, rows = asked.encoder, asked.batches, asked.rows
    places = batches.steps[rows]
    fitted = np.arange(len(rows)) < len(asked.fitted)
    untrained = encode_rows(_untrained(encoder, seed), batches, rows,
                            _telling("encoding untrained", said)).latents  # fmt: skip
    found = {LATENT: latents, rivals.RANDOM: untrained}
    felt = {n: asked.dataset.observation(n)[places] for n in encoder.codec.spec.vectors}
    if felt:
        found[rivals.PROPRIOCEPTION] = rivals.standardised(encoder.codec.gather(felt), fitted)
    if encoder.view.cameras:
        pictures = view_array(asked.dataset, encoder.view)
        pixels = _small(pictures, places, _telling("shrinking pictures", said))
        size = min(encoder.latent_size, pixels.shape[1])
        found[rivals.PIXELS] = rivals.pixel_components(pixels, size, fitted)
    bare = _bare(asked, rows)
    return LatentSteps(episode=bare.episode, step=bare.step, representations=found,
                       targets=targets(asked.dataset, places))  # fmt: skip


def _untrained(encoder: Encoder, seed: int) -> Representation:
    """The same network with fresh weights, of a seed that no training of this project begins at."""
    shapes = shapes_for(encoder.codec, encoder.view, encoder.vocabulary, history=encoder.history)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1_000_003 + seed)
        model = encoder.config.build(shapes)
    return model.to(next(encoder.model.parameters()).device).eval()


def _small(
    pictures: NDArray[np.uint8], places: Ints, tell: Callable[[int, int], None]
) -> NDArray[np.float32]:
    parts = []
    for start in range(0, len(places), 256):
        parts.append(rivals.small_pictures(pictures[places[start : start + 256]]))
        tell(min(start + 256, len(places)), len(places))
    return np.concatenate(parts)


def _means(asked: Asked, felt: Floats) -> dict[str, NDArray[Any]]:
    """What a model says that knows only the training steps' mean."""
    means: dict[str, NDArray[Any]] = {PROPRIOCEPTION: felt}
    if asked.encoder.view.cameras:
        places = asked.batches.steps[thinned(asked.fitted, MOST_DECODED)]
        means[IMAGE] = mean_picture(view_array(asked.dataset, asked.encoder.view), places)
    return means


def _floors(
    asked: Asked, experiment: Experiment, means: dict[str, NDArray[Any]], said: Progress
) -> dict[str, Floor]:
    """Floors on the episodes that the losses were measured on: validation, or training's own."""
    encoder, data = asked.encoder, asked.dataset
    name = experiment.data.validation_split
    episodes = data.split(name) if name in data.splits else asked.train
    config = asked.batches.config
    batches = Batches(data, episodes, encoder.codec, encoder.vocabulary, config)
    rows = thinned(np.arange(len(batches), dtype=np.int64), MOST_DECODED)
    decoded = decode_rows(encoder.model, batches, rows, means, _telling("floors", said))
    pictures = None
    if IMAGE in means and IMAGE in decoded.figures:
        seen = view_array(data, encoder.view)
        pictures = picture_floors(seen, batches.steps[rows], means[IMAGE])
    return loss_floors(encoder.config, decoded, pictures)


def _strips(
    run: Path, asked: Asked, latents: NDArray[np.float32], decoded: Decoded, seed: int
) -> list[dict[str, str]]:
    """Sheets of pictures, where the model can draw any."""
    encoder, held_out = asked.encoder, latents[len(asked.fitted) :]
    first = held_out[:1]
    if not encoder.view.cameras or decode_images(encoder.model, first) is None:
        return []

    def decode(asked_for: NDArray[Any]) -> NDArray[np.uint8]:
        drawn = decode_images(encoder.model, asked_for)
        assert drawn is not None
        return drawn

    kl = decoded.figures.get(KL)
    material = strips.Material(
        latents=held_out, decode=decode, view=encoder.view,
        seen=lambda rows: view_array(asked.dataset, encoder.view)[
            asked.batches.steps[asked.judged[rows]]
        ],
        weight=held_out.std(axis=0) if kl is None else kl.mean(axis=0),
        weight_is="spread" if kl is None else "KL",
    )  # fmt: skip
    return strips.write_sheets(run, FOLDER, material, seed)


def _telling(what: str, said: Progress) -> Callable[[int, int], None]:
    return lambda done, total: said(what, done, total)
