"""Configurations survive JSON, and typos are answered."""

from __future__ import annotations

from dataclasses import dataclass

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


def test_an_unknown_leaf_lists_the_valid_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"no floor named 'cor'\. Did you mean 'core'"):
        load_leaf("bydemo", "floor", "cor")
