"""Models: one file each, found by listing this folder and imported only when asked for.

What the models share, and is no model itself, is named in `_SHARED`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bydemo.core.config import from_plain, load_leaf, names_in
from bydemo.core.errors import UnknownNameError

if TYPE_CHECKING:
    from bydemo.models.base import ModelConfig

_SHARED = frozenset(
    {"acting", "action_head", "agent", "base", "chunking", "encoder", "folder", "representation"}
)


def model_names() -> list[str]:
    """Public names of all models, without importing any."""
    return [name for name in names_in(__name__) if name not in _SHARED]


def model_config(name: str, values: Mapping[str, Any] | None = None) -> ModelConfig:
    """The `Config` of a model, its defaults overridden by plain JSON `values`."""
    if name not in model_names():
        raise UnknownNameError("model", name, model_names())
    kind: type[ModelConfig] = load_leaf(__name__, "model", name).Config
    return from_plain(kind, values or {}, where=name)
