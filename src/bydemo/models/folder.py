"""The folder that a trained model is kept in: what it is, its codec and its weights, sealed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import nn

from bydemo.core.codec import Codec
from bydemo.core.config import from_plain, to_plain
from bydemo.core.errors import InputError, naming
from bydemo.core.images import View
from bydemo.core.language import Vocabulary
from bydemo.core.results import read_json, write_json
from bydemo.core.sealed_folder import verify_folder, write_folder
from bydemo.models import model_config
from bydemo.models.acting import ActingOptions
from bydemo.models.base import ModelConfig, Shapes, Trainable
from bydemo.nets.weights import load_into, read_tensors, write_tensors

SCHEMA = "bydemo.model/1"
CONFIG, WEIGHTS, CODEC = "config.json", "model.safetensors", "codec.json"


@dataclass(frozen=True, kw_only=True)
class Description:
    """`config.json` of a model folder: which model, and what it sees and says.

    kind: `policy`, which acts, or `representation`, which gives latents; options: of
    acting.
    """

    schema: str
    kind: Literal["policy", "representation"] = "policy"
    model: str
    config: Mapping[str, Any]
    view: View
    vocabulary: Vocabulary
    chunk: int
    history: int
    options: ActingOptions
    versions: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> Description:
        """InputError names the file, and the field that is missing, unknown or malformed."""
        saved = read_json(path)
        if saved.get("schema") != SCHEMA:
            raise InputError(f"is '{saved.get('schema')}', expected '{SCHEMA}'", path=path,
                             field="schema")  # fmt: skip
        with naming(path):
            return from_plain(cls, saved)

    def shapes(self, codec: Codec) -> Shapes:
        """What the model was built for."""
        return shapes_for(codec, self.view, self.vocabulary, self.chunk, self.history)


def shapes_for(
    codec: Codec, view: View, vocabulary: Vocabulary, chunk: int = 1, history: int = 1
) -> Shapes:
    """What a model must know to be built for this data."""
    observation = codec.spec.observation
    names = [
        f"{name}.{part.name}"
        for name in codec.spec.vectors
        for part in observation[name].parts
        if part.used and not part.classes
        for _ in range(part.size)
    ]
    return Shapes(
        view=view,
        proprioception=tuple(names) * history,
        continuous=len(codec.spec.action.columns(labels=False)),
        classes=tuple(len(part.classes) for part in codec.spec.action.labels),
        chunk=chunk,
        history=history,
        vocabulary=vocabulary.size,
        prompt_length=vocabulary.length,
    )


def write_model(path: Path, description: Description, codec: Codec, model: nn.Module) -> None:
    """Write the folder, whole or not at all; an older one there is replaced."""
    write_folder(
        path,
        {
            CONFIG: lambda file: write_json(file, to_plain(description)),
            CODEC: lambda file: write_json(file, codec.to_json()),
            WEIGHTS: lambda file: write_tensors(file, model.state_dict()),
        },
    )


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a model folder held; the model is built and has its weights."""

    folder: Path
    description: Description
    config: ModelConfig
    codec: Codec
    model: Trainable


def read_model(path: Path | str) -> Found:
    """Read a model folder, or the run folder around it; every file's SHA-256 is checked."""
    folder = _model_folder(Path(path))
    verify_folder(folder)
    saved = Description.read(folder / CONFIG)
    with naming(folder / CODEC):
        codec = Codec.from_json(read_json(folder / CODEC))
    with naming(folder / CONFIG):
        config = model_config(saved.model, saved.config)
        model = config.build(saved.shapes(codec))
    load_into(model, read_tensors(folder / WEIGHTS), folder / WEIGHTS)
    return Found(folder=folder, description=saved, config=config, codec=codec, model=model)


def _model_folder(path: Path) -> Path:
    """The model folder at `path`, or inside the run folder `path`."""
    if not path.is_dir():
        raise InputError("no such folder", path=path)
    for folder in (path / "model", path):
        if (folder / WEIGHTS).exists() or (folder / CODEC).exists():
            return folder
    raise InputError(
        f"holds no trained model: neither {WEIGHTS} nor model/{WEIGHTS}; is its training finished?",
        path=path,
    )
