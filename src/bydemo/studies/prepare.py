"""From an experiment and a dataset to what the training loop takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.codec import Codec
from bydemo.core.errors import InputError
from bydemo.core.language import Vocabulary
from bydemo.data.batches import BatchConfig, Batches, order
from bydemo.data.source import Dataset
from bydemo.models.base import ModelConfig, Shapes
from bydemo.models.encoder import Encoder
from bydemo.models.folder import shapes_for
from bydemo.models.representation import RepresentationConfig
from bydemo.studies.experiment import DataConfig

_BLOCK = 4096
_SHARE_SEED = 0


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Batches of both splits, the codec and vocabulary fitted on the training episodes alone.

    validation: None where the dataset's split has no such part.
    """

    codec: Codec
    vocabulary: Vocabulary
    shapes: Shapes
    train: Batches
    validation: Batches | None


def prepare(
    config: DataConfig,
    dataset: Dataset,
    model: ModelConfig | None = None,
    encoder: Encoder | None = None,
) -> Prepared:
    """Fit on the training split; nothing of validation or test is looked at.

    Of a self-supervised `model` the batches hold no action, and none is read. What `encoder` was
    trained with is taken over: its vocabulary, and its scaling of the proprioception.
    """
    episodes = training_episodes(config, dataset)
    alone = model if isinstance(model, RepresentationConfig) else None
    codec = fit_codec(config, dataset, episodes, actions=alone is None)
    vocabulary = Vocabulary.of(dataset.episodes[i].instruction for i in episodes)
    if encoder is not None:
        codec = replace(codec, proprioception=encoder.codec.proprioception)
        vocabulary = encoder.vocabulary
    batches = BatchConfig(
        view=config.view,
        chunk=config.chunk,
        target_offset=config.target_offset,
        history=config.history,
        keyframes=alone.keyframes if alone else config.keyframes,
        later=alone.later if alone else (),
        actions=alone is None,
    )
    return Prepared(
        codec=codec,
        vocabulary=vocabulary,
        shapes=shapes_for(codec, config.view, vocabulary, config.chunk, config.history),
        train=Batches(dataset, episodes, codec, vocabulary, batches),
        validation=(
            Batches(dataset, config.validation_split, codec, vocabulary, batches)
            if config.validation_split in dataset.splits
            else None
        ),
    )


def training_episodes(config: DataConfig, dataset: Dataset) -> tuple[int, ...]:
    """The episodes of the training split, or the first `share` or `episodes` of a fixed shuffle of
    them, so that fewer are a part of more."""
    episodes = dataset.split(config.train_split)
    count = config.episodes or max(1, round(config.share * len(episodes)))
    if count > len(episodes):
        raise InputError(
            f"is {count}, but the split '{config.train_split}' has {len(episodes)}",
            path=dataset.path, field="episodes",
        )  # fmt: skip
    if count == len(episodes):
        return episodes
    chosen = order(len(episodes), _SHARE_SEED, 0)[:count]
    return tuple(sorted(episodes[int(i)] for i in chosen))


def fit_codec(
    config: DataConfig, dataset: Dataset, episodes: Sequence[int], *, actions: bool = True
) -> Codec:
    """The codec of these episodes, read in blocks; without `actions` theirs are not read."""
    rows = np.concatenate(
        [np.arange(dataset.episodes[i].start, dataset.episodes[i].stop) for i in episodes]
    )

    def blocks(name: str, array: NDArray[Any]) -> Iterator[NDArray[Any]]:
        for start in range(0, len(rows), _BLOCK):
            chosen = rows[start : start + _BLOCK]
            block: NDArray[Any] = array[chosen]
            finite = np.isfinite(block).all(axis=1)
            if not finite.all():
                where = dataset.place(int(chosen[np.argmin(finite)]))
                raise InputError(f"is not finite at {where}", path=dataset.path, field=name)
            yield block

    return Codec.fit(
        dataset.spec,
        {name: blocks(name, dataset.observation(name)) for name in dataset.spec.vectors},
        blocks("action", dataset.action) if actions else None,
        observation_scaling=config.observation_scaling,
        action_scaling=config.action_scaling,
    )
