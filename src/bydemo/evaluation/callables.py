"""Anything that says what to do, as an actor: a function, an object, or something named in words.
"""  # fmt: skip

from __future__ import annotations

import importlib
import itertools
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.actor import Actor, Observation
from bydemo.core.errors import ExpertError, InputError, UnknownNameError
from bydemo.core.fields import Field
from bydemo.evaluation.actors import ActorFactory, SavedPolicy, labels
from bydemo.sim.task import Task

_KINDS = (
    "a callable (observation dict -> action), an actor (reset, act), its class, or a factory of "
    "actors (build)"
)
_numbers = itertools.count()


@dataclass(frozen=True)
class CallableActor:
    """What `source` names: `module:attribute`, or the folder of a run or model.

    The attribute may be a plain callable `observation dict -> action (A,)`, an actor or its class,
    or a factory of actors or its class. The module is looked for in the working directory too.
    """

    source: str

    @property
    def labels(self) -> bool:
        """Whether its actors have a `label`."""
        return _has_labels(_found(self.source))

    def build(self, task: Task) -> Actor:
        """Looks it up; InputError if there is no such thing."""
        return _actor(_found(self.source), task)


@dataclass(frozen=True)
class ObjectActor:
    """A callable, an actor or its class, given as such.

    `number` tells one from another inside a process and in those that it is sent to.
    """

    name: str
    number: int = field(repr=False)
    thing: Any = field(compare=False, repr=False)

    @property
    def labels(self) -> bool:
        """Whether its actors have a `label`."""
        return _has_labels(self.thing)

    def build(self, task: Task) -> Actor:
        """The actor itself, or one made of the callable."""
        return _actor(self.thing, task)

    def __getstate__(self) -> dict[str, Any]:
        """Checked here, where the error can still say what to do about it."""
        try:
            ForkingPickler.dumps(self.thing)
        except Exception as error:
            raise InputError(
                f"{self.name} cannot be sent to another process ({error}): define it at the top of "
                "a module, or use no workers", field="expert",
            ) from error  # fmt: skip
        return dict(self.__dict__)


def as_factory(thing: Any) -> ActorFactory:
    """A factory of actors of whatever can act; words (`module:attribute`, a folder) are looked up
    at once, so that a mistake shows before anything is begun."""
    if isinstance(thing, os.PathLike):
        thing = os.fspath(thing)
    if isinstance(thing, str):
        _require_kind(_found(thing), thing)
        return CallableActor(thing)
    _require_kind(thing, repr(thing))
    if hasattr(thing, "build") and not isinstance(thing, type):
        factory: ActorFactory = thing
        return factory
    name = getattr(thing, "__qualname__", type(thing).__qualname__)
    return ObjectActor(name, next(_numbers), thing)


def checked_action(said: Any, expected: Field) -> NDArray[np.float32]:
    """What an expert returned as an action (A,) float32; ExpertError if it is none."""
    wanted = f"expected a finite action of shape {expected.shape}: {_meaning(expected)}"
    if isinstance(said, (tuple, dict, str)) or said is None:
        raise ExpertError(f"returned a {type(said).__name__}, {wanted}", field="expert")
    try:
        action = np.asarray(said, np.float32)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ExpertError(f"returned a {type(said).__name__} that is no array of numbers "
                          f"({error}), {wanted}", field="expert") from error  # fmt: skip
    if action.shape != expected.shape:
        raise ExpertError(f"returned shape {action.shape}, {wanted}", field="expert")
    if not np.isfinite(action).all():
        raise ExpertError(f"returned {action.tolist()}, {wanted}", field="expert")
    slices = expected.slices()
    for part in expected.labels:
        value = float(action[slices[part.name].start])
        if value not in range(len(part.classes)):
            raise ExpertError(
                f"returned {value:g} for '{part.name}', expected a class index "
                f"0..{len(part.classes) - 1} ({', '.join(part.classes)})", field="expert",
            )  # fmt: skip
    return action


def _meaning(expected: Field) -> str:
    return ", ".join(f"{p.name}[{p.size}{' ' + p.unit if p.unit else ''}]" for p in expected.parts)


class _Checked:
    """An actor whose actions are looked at before they are passed on."""

    def __init__(self, actor: Actor, expected: Field) -> None:
        self._actor, self._field = actor, expected

    def reset(self, seed: int, instruction: str) -> None:
        self._actor.reset(seed, instruction)

    def act(self, observation: Observation) -> NDArray[np.float32]:
        return checked_action(self._actor.act(observation), self._field)


class _CheckedWithLabel(_Checked):
    @property
    def label(self) -> NDArray[np.float32] | None:
        said = self._actor.label  # type: ignore[attr-defined]  # only made of actors that have one
        return None if said is None else checked_action(said, self._field)


class _Function:
    """A plain callable as an actor without memory."""

    def __init__(self, function: Callable[[Observation], Any]) -> None:
        self._function = function

    def reset(self, seed: int, instruction: str) -> None:
        pass

    def act(self, observation: Observation) -> Any:
        return self._function(observation)


def _actor(thing: Any, task: Task) -> Actor:
    made = thing() if _is_class_of_actors(thing) else thing
    if hasattr(made, "build"):
        actor: Actor = made.build(task)
    else:
        actor = made if hasattr(made, "act") else _Function(made)
    kind = _CheckedWithLabel if hasattr(actor, "label") else _Checked
    return kind(actor, task.data_spec.action)


def _has_labels(thing: Any) -> bool:
    return labels(thing) if hasattr(thing, "build") else hasattr(thing, "label")


def _is_class_of_actors(thing: Any) -> bool:
    return isinstance(thing, type) and (hasattr(thing, "build") or hasattr(thing, "act"))


def _require_kind(thing: Any, name: str) -> None:
    acts = hasattr(thing, "act") and hasattr(thing, "reset")
    function = callable(thing) and not isinstance(thing, type)
    if not (hasattr(thing, "build") or acts or function):
        raise InputError(f"{name} is a {type(thing).__name__}, expected {_KINDS}", field="expert")


def _found(source: str) -> Any:
    """What `module:attribute` or a folder's path names."""
    if Path(source).is_dir():
        return SavedPolicy(path=source)
    module_name, colon, attribute = source.partition(":")
    if not (colon and module_name and attribute):
        raise InputError(f"'{source}' is neither module:attribute nor the folder of a run or model",
                         field="expert")  # fmt: skip
    found = _module(module_name, source)
    for name in attribute.split("."):
        if not hasattr(found, name):
            public = [n for n in dir(found) if not n.startswith("_")]
            raise UnknownNameError(f"attribute of {module_name}", name, public)
        found = getattr(found, name)
    return found


def _module(name: str, source: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)  # as `python -m` does: the command line's own script does not
    try:
        return importlib.import_module(name)
    except Exception as error:  # a user's module may raise anything while it is imported
        raise InputError(f"'{source}' cannot be imported: {type(error).__name__}: {error}",
                         field="expert") from error  # fmt: skip
