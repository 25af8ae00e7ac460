"""The Jaco study's third question: policies beside each other at several shares of the labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bydemo.studies.plan import Arm, Curve, Question, Ranking
from bydemo.studies.plans import _jaco_representations as learned
from bydemo.studies.plans._jaco_ground import JACO, Ground, Preset, Scale
from bydemo.studies.work import Judging, TrainAndJudge

CHAPTER: Final = "The verdict: did learning without actions help?"
_ENCODER: Final = "model.encoder"


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """A policy that is trained at every share of the labels.

    epochs: of all labels, None for a recipe that counts steps. after: the representation that it
    begins with, learned from all episodes without their actions. quick: in every preset, not in the
    full one alone.
    """

    title: str
    recipe: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    pixels: int | None = None
    epochs: int | None = None
    after: str | None = None
    quick: bool = True


def contestants(scale: Scale, preset: Preset) -> dict[str, Contestant]:
    """By name; those that take longest come first."""
    grey, epochs = scale.pictures, scale.policy
    tuning = {"model.encoder_training": "finetuned", "training.precision": "bf16"}
    untrained = {"model.encoder_training": "random"}
    shift = {} if scale.foresight is None else {"model.shift": 3}  # of half as many pixels
    vae, forward = learned.REFERENCE, learned.OURS
    every = {
        "ours": Contestant(
            title="ours", recipe="ours", changes=shift, pixels=scale.foresight, epochs=scale.ours
        ),
        "forward-finetuned": Contestant(
            title="forward model fine-tuned", recipe="representation_head", after=forward,
            changes=tuning, quick=False,
        ),
        "baseline": Contestant(title="baseline", recipe="baseline", pixels=grey, epochs=epochs),
        "tuned": Contestant(title="tuned", recipe="tuned", pixels=grey, epochs=epochs),
        "vae-finetuned": Contestant(
            title="VAE fine-tuned", recipe="vae_head", after=vae, changes=tuning, pixels=grey,
            epochs=epochs,
        ),
        "vae-head": Contestant(
            title="VAE frozen", recipe="vae_head", after=vae, pixels=grey, epochs=10
        ),
        "vae-random": Contestant(
            title="VAE untrained", recipe="vae_head", after=vae, changes=untrained, pixels=grey,
            epochs=10, quick=False,
        ),
        "forward-head": Contestant(
            title="forward model frozen", recipe="representation_head", after=forward
        ),
        "forward-random": Contestant(
            title="forward model untrained", recipe="representation_head", after=forward,
            changes=untrained,
        ),
        "blind": Contestant(title="proprioception only", recipe="blind", epochs=20),
    }  # fmt: skip
    return {name: one for name, one in every.items() if one.quick or preset == "full"}


def at(name: str, share: float) -> str:
    """The arm of a contestant with this share of the labels."""
    return f"{name}-{round(100 * share)}"


def policies(
    scale: Scale, preset: Preset, judging: Judging, seeds: tuple[int, ...]
) -> tuple[Arm, ...]:
    """Every contestant at every share; the two that the verdict is about are filmed where labels
    are fewest."""
    few = min(scale.shares)
    filmed = replace(judging, rollouts=replace(judging.rollouts, clips=1))
    return tuple(
        Arm(
            name=at(name, share), title=f"{one.title}, {round(100 * share)} %", dataset=JACO,
            seeds=seeds, after=one.after,
            work=TrainAndJudge(
                recipe=one.recipe, input_field=_ENCODER if one.after else "",
                judging=filmed if share == few and name in ("ours", "forward-head") else judging,
                changes=scale.changes(
                    one.changes, pixels=one.pixels, epochs=one.epochs, share=share
                ),
            ),
        )
        for name, one in contestants(scale, preset).items()
        for share in scale.shares
    )  # fmt: skip


def questions(ground: Ground, scale: Scale, preset: Preset) -> Iterator[Question]:
    """What is asked of them."""
    known, few, all_labels = contestants(scale, preset), min(scale.shares), max(scale.shares)
    also = tuple(name for name in ground.compared if name != ground.decides)
    said: dict[str, Any] = {"decides": ground.decides, "also": also, "chapter": CHAPTER}
    for share in scale.shares:
        yield Question(
            title=f"Who does best with {round(100 * share)} % of the labelled episodes?",
            varies="the policy, and whether what it sees was learned without actions beforehand "
            "from all training episodes; the validation episodes are labelled throughout",
            why=_WHY_FEW if share == few else _WHY_MORE,
            control=at("ours", share), arms=tuple(at(n, share) for n in known if n != "ours"),
            curve=_curve(scale, known) if share == all_labels else None, **said,
        )  # fmt: skip
    for name in [n for n in ("forward", "vae") if f"{n}-random" in known]:
        yield Question(
            title=f"What is the training of the {_NAMES[name]} worth?",
            varies="whether the frozen encoder was trained; the head is the same",
            why="Random features of a picture keep much of what is in it, so a head on them is no "
            "straw man; but they single out no object.",
            control=at(f"{name}-random", few), arms=(at(f"{name}-head", few),), **said,
        )  # fmt: skip
    yield Question(
        title="The reference's own question: a frozen autoencoder, or tuning end to end?",
        varies="a head on the frozen or the fine-tuned autoencoder in place of the tuned network",
        why="The reference lost eleven points of accuracy with its encoder, which its batch norm "
        "did not keep frozen. Neither side sees the prompt, so neither can act.",
        control=at("tuned", all_labels),
        arms=tuple(at(n, all_labels) for n in ("vae-head", "vae-finetuned", "baseline")), **said,
    )  # fmt: skip
    for name in ("ours", "forward-head", "tuned"):
        yield Question(
            title=f"What do fewer labels cost {known[name].title}?",
            varies="the share of labelled training episodes, each a part of the next; as many "
            "steps",
            why="What is learned from scratch needs the labels to learn to see; a head on a "
            "frozen representation only to learn what to do.",
            control=at(name, all_labels),
            arms=tuple(at(name, share) for share in scale.shares if share != all_labels), **said,
        )  # fmt: skip


def rankings(ground: Ground, scale: Scale, preset: Preset) -> Iterator[Ranking]:
    """Does an offline figure foretell acting, over all policies?"""
    if ground.acted is None:
        return
    arms = tuple(at(n, share) for n in contestants(scale, preset) for share in scale.shares)
    for figure in ground.offline:
        yield Ranking(
            title="Does the offline figure foretell success?",
            why="Held-out steps lie on the demonstrations' path, where even a blind policy mostly "
            "knows the next move; acting leaves that path. We expect a weak relation, made mostly "
            "by who sees the prompt.",
            x=figure, y=ground.acted, arms=arms, chapter=CHAPTER,
        )  # fmt: skip


_NAMES: Final = {"forward": "forward model", "vae": "autoencoder"}
_WHY_FEW: Final = (
    "Some forty demonstrations are easily learned by heart, so a policy from scratch should fail. "
    "The forward model has seen all the others without their actions and knows already which "
    "object the prompt means and how the arm comes to it; its head needs few labels. The "
    "autoencoder draws tables, and should help nobody."
)
_WHY_MORE: Final = (
    "The more labels, the smaller the gain of learning without them; with all of them a frozen "
    "encoder may be the weaker one, since nothing in it was made for the action."
)


def _curve(scale: Scale, known: Mapping[str, Contestant]) -> Curve:
    return Curve(
        x_label="labelled training episodes [%]",
        series={
            one.title: {at(name, share): 100 * share for share in scale.shares}
            for name, one in known.items()
        },
    )
