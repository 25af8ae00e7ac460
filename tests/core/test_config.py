"""Configurations survive JSON, and typos are answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from bydemo.core.config import from_plain, load_leaf, to_plain
from bydemo.core.errors import InputError, UnknownNameError


@dataclass(frozen=True, kw_only=True)
class Inner:
    names: tuple[str, ...] = ()
    rate: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Outer:
    inner: Inner
    limit: int | None = None


def test_round_trip() -> None:
    config = Outer(inner=Inner(names=("a", "b"), rate=2.0), limit=3)
    assert from_plain(Outer, to_plain(config)) == config


def test_a_typo_is_answered_with_near_names() -> None:
    with pytest.raises(UnknownNameError, match=r"field of inner named 'rat'\. Did you mean 'rate'"):
        from_plain(Outer, {"inner": {"rat": 1}})


def test_a_missing_field_is_named() -> None:
    with pytest.raises(InputError, match="field 'inner': missing"):
        from_plain(Outer, {})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"inner": {"rate": "fast"}}, "field 'inner.rate': is 'fast', expected a number"),
        ({"inner": {"names": "abc"}}, "field 'inner.names': is 'abc', expected a list"),
        ({"inner": {"names": ["a", 3]}}, "field 'inner.names': is 3, expected a text"),
        ({"inner": 3}, "field 'inner': is 3, expected an object"),
        ({"inner": {}, "limit": 1.5}, "field 'limit': is 1.5, expected a whole number or null"),
        ({"inner": {}, "limit": True}, "field 'limit': is True, expected a whole number or null"),
        ([], r"field 'Outer': is \[\], expected an object"),
    ],
)
def test_a_value_of_another_type_is_named(data: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_plain(Outer, data)


def test_an_unknown_leaf_lists_the_valid_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"no floor named 'cor'\. Did you mean 'core'"):
        load_leaf("bydemo", "floor", "cor")
