"""Frozen dataclasses to plain JSON and back, and the folder that is its own registry."""

from __future__ import annotations

import importlib
import pkgutil
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar

from bydemo.core.errors import InputError, UnknownNameError

T = TypeVar("T")

_PLAIN: Mapping[Any, str] = {
    bool: "true or false", int: "a whole number", float: "a number", str: "a text",
    type(None): "null",
}  # fmt: skip


def to_plain(config: Any) -> Any:
    """A dataclass (nested ones too) as JSON values; tuples become lists."""
    if is_dataclass(config) and not isinstance(config, type):
        return {f.name: to_plain(getattr(config, f.name)) for f in fields(config)}
    if isinstance(config, Mapping):
        return {str(k): to_plain(v) for k, v in config.items()}
    if isinstance(config, (list, tuple)):
        return [to_plain(v) for v in config]
    return config


def from_plain(kind: type[T], data: Mapping[str, Any], where: str = "") -> T:
    """Rebuild a dataclass from JSON values; an unknown or missing field, or a value of another
    type, is an error that names it.

    Understands nested dataclasses, tuples of plain values, and `X | None`.
    """
    if not isinstance(data, Mapping):
        raise InputError(f"is {data!r}, expected an object", field=where or kind.__name__)
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]  # kind is a dataclass
    for name in data:
        if name not in known:
            raise UnknownNameError(f"field of {where or kind.__name__}", name, known)
    hints = typing.get_type_hints(kind)
    values = {}
    for name, field in known.items():
        path = f"{where}.{name}" if where else name
        if name in data:
            values[name] = as_hinted(hints[name], data[name], path)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise InputError("missing", field=path)
    return kind(**values)


def as_hinted(hint: Any, value: Any, where: str) -> Any:
    """A JSON value as what a field of this type holds: a list as a tuple, an object as a dataclass,
    a whole number as a float. InputError names the field `where` if it cannot be."""
    options = typing.get_args(hint) if typing.get_origin(hint) in (
        typing.Union, types.UnionType) else (hint,)  # fmt: skip
    if value is None and type(None) in options:
        return None
    for option in options:
        if is_dataclass(option) and isinstance(option, type) and isinstance(value, Mapping):
            return from_plain(option, value, where)
        if typing.get_origin(option) is tuple and isinstance(value, (list, tuple)):
            return tuple(as_hinted(typing.get_args(option)[0], v, where) for v in value)
        if option is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
    kinds = [_kind(option) for option in options]
    if all(kinds) and type(value) not in options:
        raise InputError(f"is {value!r}, expected {' or '.join(map(str, kinds))}", field=where)
    return value


def _kind(option: Any) -> str | None:
    """How an error names a type that JSON can hold; None for those that are not checked."""
    if typing.get_origin(option) is tuple:
        return "a list"
    if is_dataclass(option):
        return "an object"
    return _PLAIN.get(option)


def names_in(package: str) -> list[str]:
    """Public names of a registry folder: its modules, found by listing, without importing them."""
    path = importlib.import_module(package).__path__
    return sorted(m.name for m in pkgutil.iter_modules(path) if not m.name.startswith("_"))


def load_leaf(package: str, kind: str, name: str) -> types.ModuleType:
    """Import the leaf `name` of a registry folder; a typo is answered with near names."""
    choices = names_in(package)
    if name not in choices:
        raise UnknownNameError(kind, name, choices)
    return importlib.import_module(f"{package}.{name}")
