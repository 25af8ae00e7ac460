"""From raw observations to latents, by way of a dataset or without one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.data.small import write_dataset

from bydemo.core.codec import Codec
from bydemo.core.errors import InputError
from bydemo.core.images import View
from bydemo.core.language import Vocabulary
from bydemo.data.source import Dataset
from bydemo.models.agent import Agent
from bydemo.models.encoder import Encoder
from bydemo.models.folder import shapes_for
from bydemo.models.proprioception import Config as Blind
from bydemo.models.representation import RepresentationConfig
from bydemo.models.time_contrastive import Config as Contrastive
from bydemo.models.vae import Config as Variational

VIEW = View(cameras=("front", "wrist"), size=8)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return write_dataset(tmp_path / "d", (5, 3, 4))


def parts_of(dataset: Dataset) -> tuple[Codec, Vocabulary]:
    vectors = {n: [dataset.observation(n)] for n in dataset.spec.vectors}
    words = Vocabulary.of(e.instruction for e in dataset.episodes)
    return Codec.fit(dataset.spec, vectors, None), words


def encoder_of(dataset: Dataset, config: RepresentationConfig | None = None) -> Encoder:
    config = config or Variational(widths=(4,), latent=3)
    codec, words = parts_of(dataset)
    torch.manual_seed(0)
    model = config.build(shapes_for(codec, VIEW, words))
    return Encoder(model=model, config=config, codec=codec, view=VIEW, vocabulary=words)


def test_raw_observations_and_a_datasets_steps_get_the_same_latents(dataset: Dataset) -> None:
    encoder = encoder_of(dataset)
    every = encoder.encode_steps(dataset)
    assert every.shape == (12, 3)
    assert every.dtype == np.float32
    seen = dataset.episode(1)
    alone = encoder.encode(
        [{n: a[t] for n, a in seen.observation.items()} for t in range(3)], [seen.instruction] * 3
    )
    np.testing.assert_allclose(every[5:8], alone, rtol=1e-4, atol=1e-6)
    some = encoder.encode_steps(dataset, (2, 0))
    np.testing.assert_allclose(some, every[[8, 9, 10, 11, *range(5)]], rtol=1e-4, atol=1e-6)


def test_latents_are_kept_until_a_weight_changes(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, calls = encoder_of(dataset), []
    plain = encoder.model.encode
    monkeypatch.setattr(encoder.model, "encode", lambda batch: calls.append(1) or plain(batch))
    first = encoder.latents(dataset)
    np.testing.assert_array_equal(encoder.latents(dataset), first)
    assert len(calls) == 1
    with torch.no_grad():
        encoder.model.get_parameter("mean.bias")[0] += 1
    assert not np.array_equal(encoder.latents(dataset), first)
    assert len(calls) == 2


def test_its_batches_are_those_it_learned_from(dataset: Dataset) -> None:
    encoder = encoder_of(dataset, Contrastive(widths=(4,), near=2))
    batches = encoder.batches(dataset, (0,))
    batch = encoder.tensors(batches, np.arange(5))
    assert {"later_image", "later_valid"} <= set(batch)
    assert not {"continuous", "labels", "valid"} & set(batch)


def test_a_policy_is_no_encoder_and_an_encoder_no_policy(dataset: Dataset, tmp_path: Path) -> None:
    codec, words = parts_of(dataset)
    config = Blind(widths=(4,))
    view = View(cameras=())
    policy = config.build(shapes_for(codec, view, words))
    Agent(model=policy, config=config, codec=codec, view=view,
          vocabulary=words).save_pretrained(tmp_path / "policy")  # fmt: skip
    encoder_of(dataset).save_pretrained(tmp_path / "encoder")
    with pytest.raises(InputError, match="'proprioception' is no representation, it has no latent"):
        Encoder.from_pretrained(tmp_path / "policy")
    with pytest.raises(InputError, match="'vae' is no policy, it cannot act"):
        Agent.from_pretrained(tmp_path / "encoder")
