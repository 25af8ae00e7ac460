"""The Jaco Play study: the reference's baseline and tuned policies, a blind one, and ours; and what
is learned without actions, the reference's variational autoencoder and our forward model, with a
policy on the latents of each.

They ask for nothing that only this robot has, so they also run on other recordings with cameras.
"""

from __future__ import annotations

import dataclasses

from bydemo.core.fields import Spec
from bydemo.core.images import View
from bydemo.models import (
    behavior_cloning,
    forward_model,
    keyframe_policy,
    latent_policy,
    proprioception,
    time_contrastive,
)
from bydemo.models import vae as variational
from bydemo.studies.experiment import DataConfig, Experiment
from bydemo.studies.views import all_cameras
from bydemo.training.config import TrainingConfig


def baseline(spec: Spec) -> Experiment:
    """The reference's first model: two grey cameras and 15 numbers, Adam 1e-3, 10 epochs."""
    return Experiment(
        model=behavior_cloning.Config(),
        data=DataConfig(view=all_cameras(spec, size=224, colour=False)),
        training=TrainingConfig(
            epochs=10,
            batch_size=64,
            learning_rate=1e-3,
            adam_eps=1e-4,
            seed=1,
            precision="bf16",
        ),
    )


def tuned(spec: Spec) -> Experiment:
    """The reference's tuned model: ReLU and dropout 0.4 between linear layers, Adam 1e-4."""
    base = baseline(spec)
    return dataclasses.replace(
        base,
        model=behavior_cloning.TUNED,
        training=dataclasses.replace(base.training, learning_rate=1e-4),
    )


def blind(spec: Spec) -> Experiment:
    """Proprioception only: what the arm's own numbers give away without looking."""
    return Experiment(
        model=proprioception.Config(),
        data=DataConfig(view=View(cameras=())),
        training=TrainingConfig(epochs=20, batch_size=256, learning_rate=1e-3, schedule="cosine"),
    )


def ours(spec: Spec) -> Experiment:
    """Colour, all cameras, the prompt, and a forecast of the next key moment."""
    return Experiment(
        model=keyframe_policy.Config(
            limit=_limit(spec),
            ignore=(*_rates(spec), *_orientations(spec)),
            foresee=_places(spec),
            still=tuple(name for name in spec.cameras if name == "front_cam"),
        ),
        data=DataConfig(view=all_cameras(spec, size=112, colour=True), keyframes=True),
        training=TrainingConfig(
            epochs=16, batch_size=64, learning_rate=2e-3, schedule="cosine", warmup=200,
            optimiser="adamw", weight_decay=3e-2, clip=1.0, precision="bf16", ema=0.999,
        ),
    )  # fmt: skip


def vae(spec: Spec) -> Experiment:
    """The reference's self-supervised model: two grey cameras and 15 numbers, and no action."""
    return Experiment(
        model=variational.Config(),
        data=DataConfig(view=all_cameras(spec, size=224, colour=False)),
        training=TrainingConfig(
            epochs=30, batch_size=128, learning_rate=1e-4, schedule="cosine", seed=1,
            precision="bf16",
        ),
    )  # fmt: skip


def vae_head(spec: Spec) -> Experiment:
    """The reference's policy on its frozen autoencoder, which `vae` left in runs/vae."""
    return Experiment(
        model=latent_policy.Config(encoder="runs/vae"),
        data=DataConfig(view=all_cameras(spec, size=224, colour=False)),
        training=TrainingConfig(epochs=10, batch_size=64, learning_rate=1e-4, seed=1),
    )


def representation(spec: Spec) -> Experiment:
    """Ours without actions: foresee from picture, prompt and arm what the arm will feel next."""
    return Experiment(
        model=forward_model.Config(
            ignore=(*_rates(spec), *_orientations(spec)),
            foresee=_configuration(spec),
            relative=_places(spec),
            still=tuple(name for name in spec.cameras if name == "front_cam"),
        ),
        data=DataConfig(view=all_cameras(spec, size=64, colour=True)),
        training=TrainingConfig(
            epochs=24, batch_size=64, learning_rate=2e-3, schedule="cosine", warmup=100,
            optimiser="adamw", weight_decay=3e-2, clip=1.0, precision="bf16", ema=0.998,
        ),
    )  # fmt: skip


def contrastive(spec: Spec) -> Experiment:
    """The alternative to foreseeing: which frames of an episode lie close in time."""
    base = representation(spec)
    return dataclasses.replace(base, model=time_contrastive.Config())


def representation_head(spec: Spec) -> Experiment:
    """A small policy on our frozen representation, which `representation` left in
    runs/representation."""
    return Experiment(
        model=latent_policy.Config(
            encoder="runs/representation", representation={"name": "forward_model"}, dropout=0.3
        ),
        data=dataclasses.replace(representation(spec).data, action_scaling="standardise"),
        training=TrainingConfig(
            steps=1500, batch_size=128, learning_rate=1e-3, schedule="cosine", warmup=50,
            optimiser="adamw", weight_decay=0.1, clip=1.0,
        ),
    )  # fmt: skip


def demo(spec: Spec) -> Experiment:
    """Ours, cut short: a few minutes on two cores for one skill with a few objects."""
    whole = ours(spec)
    return dataclasses.replace(whole, training=dataclasses.replace(whole.training, epochs=14))


def _rates(spec: Spec) -> tuple[str, ...]:
    """Fields of measured velocities: they echo the last action, and a policy that copies them
    neither starts nor stops by itself (de Haan et al., 2019)."""
    return tuple(n for n in spec.vectors if all("/s" in p.unit for p in spec.observation[n].parts))


def _orientations(spec: Spec) -> tuple[str, ...]:
    """The parts that hold a quaternion."""
    return tuple(
        f"{name}.{part.name}"
        for name in spec.vectors
        for part in spec.observation[name].parts
        if part.unit.startswith("quaternion")
    )


def _places(spec: Spec) -> tuple[str, ...]:
    """The parts that say where the robot is in metres, worth foreseeing; none where there is no
    such part (then everything is foreseen)."""
    return tuple(
        f"{name}.{part.name}"
        for name in spec.vectors
        for part in spec.observation[name].parts
        if part.unit == "m"
    )


def _configuration(spec: Spec) -> tuple[str, ...]:
    """The parts that say how the robot stands: those in use but rates and quaternions."""
    left_out = (*_rates(spec), *_orientations(spec))
    parts = (
        (name, f"{name}.{part.name}")
        for name in spec.vectors
        for part in spec.observation[name].parts
        if part.used and not part.classes
    )
    return tuple(full for name, full in parts if name not in left_out and full not in left_out)


def _limit(spec: Spec) -> float:
    """The largest raw action component that the spec allows; 1 where it states none."""
    limits = [abs(x) for p in spec.action.parts for x in (p.low, p.high) if x is not None]
    return max(limits, default=1.0)
