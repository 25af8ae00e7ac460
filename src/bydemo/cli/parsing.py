"""Words on the command line into frozen dataclasses, with help from their own docstrings."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

import tyro
from tyro.conf import Positional

from bydemo.cli.field_help import field_help, first_paragraph
from bydemo.core.errors import InputError, UnknownNameError

__all__ = ["Positional", "parse", "parse_with", "subject"]

T = TypeVar("T")
_Field = tuple[str, Any, Any]


def parse(kind: type[T], words: Sequence[str], *, verb: str) -> T:
    """`words` as a `kind`; a mistake is explained on stderr and leaves with exit code 2."""
    found = _run(_fields(kind), words, verb=verb, about=first_paragraph(kind))
    return _value(kind, found)


def parse_with(
    kind: type[T], options: Any, words: Sequence[str], *, verb: str, about: str = ""
) -> tuple[T, Any]:
    """`words` as a `kind` and, beside it, as a changed copy of the dataclass value `options`.

    The fields of `options` are options of their own, nested ones with a dot (`--training.epochs`).
    """
    fields = [*_fields(kind), *_fields(type(options), options)]
    found = _run(fields, words, verb=verb, about=about or first_paragraph(kind))
    return _value(kind, found), _value(type(options), found, options)


def subject(words: Sequence[str], kind: str, choices: Iterable[str]) -> str | None:
    """The first word, if it names one of `choices`; None if it is missing or an option.

    Another word is answered with near names.
    """
    if not words or words[0].startswith("-"):
        return None
    known = list(choices)
    if words[0] not in known:
        raise UnknownNameError(kind, words[0], known)
    return words[0]


def _run(fields: Sequence[_Field], words: Sequence[str], *, verb: str, about: str) -> Any:
    _refuse_repeated(words)
    made = _class("Arguments", fields, about)
    return tyro.cli(
        made,
        prog=f"bydemo {verb}",
        description=about,
        args=list(words),
        config=(tyro.conf.FlagCreatePairsOff, tyro.conf.PositionalMetavarFromFieldName),
    )


def _refuse_repeated(words: Sequence[str]) -> None:
    """The parser would keep the last of several and forget the others without a word."""
    options = [w.partition("=")[0] for w in words if w.startswith("--")]
    plain = [option.replace("_", "-") for option in options]
    for option in plain:
        if plain.count(option) > 1:
            raise InputError("given more than once; several values follow one another",
                             field=option)  # fmt: skip


def _class(name: str, fields: Sequence[_Field], about: str) -> type[Any]:
    """A dataclass made for the parser alone, with each field's help attached to its type."""
    made = dataclasses.make_dataclass(name, fields, frozen=True, kw_only=True)
    made.__doc__ = about
    return made


def _fields(kind: type, value: Any = None) -> list[_Field]:
    """(name, annotated type, dataclass field) of each field; defaults are those of `value`."""
    hints: Mapping[str, Any] = typing.get_type_hints(kind, include_extras=True)
    described = field_help(kind)
    out = []
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        default = _default(field) if value is None else getattr(value, field.name)
        if _is_value(default):
            # The default's own type: an interface's options are those of what implements it.
            hint = _class(
                field.name, _fields(type(default), default), first_paragraph(type(default))
            )
            default = hint()
        elif field.name in described:
            hint = Annotated[hint, tyro.conf.arg(help=described[field.name])]
        if default is dataclasses.MISSING:
            out.append((field.name, hint, dataclasses.field()))
        else:
            out.append((field.name, hint, dataclasses.field(default_factory=_always(default))))
    return out


def _always(value: Any) -> Callable[[], Any]:
    return lambda: value


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _is_value(default: Any) -> bool:
    return dataclasses.is_dataclass(default) and not isinstance(default, type)


def _value(kind: type[T], found: Any, default: Any = None) -> T:
    """The `kind` whose fields `found` holds; nested ones are rebuilt as the types they had."""
    values = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]  # T is a dataclass
        value = getattr(found, field.name)
        own = _default(field) if default is None else getattr(default, field.name)
        values[field.name] = _value(type(own), value, own) if _is_value(own) else value
    return kind(**values)
