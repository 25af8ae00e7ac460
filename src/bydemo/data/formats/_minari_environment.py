"""The environment that a set names: how often it acts, and the one to name in a set of ours."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any, Final

import gymnasium

from bydemo.core import pusher
from bydemo.core.errors import BydemoError, InputError
from bydemo.core.gymnasium_spec import control_rate_of, make_environment
from bydemo.data.formats._minari_metadata import Metadata

_GIVE: Final = "; give the rate [Hz] yourself: --control-rate 20"


def control_rate(metadata: Metadata, given: float | None) -> float:
    """[Hz] as given, as our own note in the set says, or else as the environment made anew says."""
    if given is not None:
        if not given > 0:
            raise InputError(f"is {given:g}, expected a positive number [Hz]", field="control_rate")
        return given
    if metadata.kept.spec is not None:
        return metadata.kept.spec.control_rate
    if metadata.environment is None:
        raise InputError("the set names no environment, and so no control rate" + _GIVE,
                         path=metadata.path, field="env_spec")  # fmt: skip
    return _rate_of(metadata.environment, metadata)


def environment_of(source: Mapping[str, Any], given: str | None) -> dict[str, Any] | None:
    """Gymnasium's description of the environment of a recording, by id or as `source` has it."""
    if given is not None:
        return described(given)
    stated = source.get("environment")
    if isinstance(stated, Mapping):
        return dict(stated)
    if isinstance(stated, str):
        return described(stated)
    config = source.get("task_config") or {}
    if source.get("task") == "pusher":
        return described(pusher.ENVIRONMENT)
    if source.get("task") == "gym" and isinstance(config.get("environment"), str):
        return described(config["environment"], config.get("options"), config.get("max_steps"))
    return None


def described(id: str, options: str | None = None, max_steps: int | None = None) -> dict[str, Any]:
    """Gymnasium's description of a registered environment, plain JSON values."""
    environment = make_environment(id, **json.loads(options or "{}"))
    try:
        spec = environment.spec
        if spec is None:
            raise InputError("Gymnasium does not describe it", field=id)
        found: dict[str, Any] = json.loads(spec.to_json())
    except (TypeError, ValueError) as error:
        raise InputError(f"has options that cannot be stored: {error}", field=id) from error
    finally:
        environment.close()
    return found if max_steps is None else {**found, "max_episode_steps": max_steps}


def _rate_of(environment: Mapping[str, Any], metadata: Metadata) -> float:
    """Made from Gymnasium's own registry: a set's file may name any code as entry point."""
    id = str(environment["id"])
    known = gymnasium.registry.get(id)
    if known is None:
        near = difflib.get_close_matches(id, gymnasium.registry, n=3)
        hint = f" (there is {', '.join(near)})" if near else ""
        raise InputError(f"the environment '{id}' is not installed here{hint}" + _GIVE,
                         path=metadata.path, field="env_spec")  # fmt: skip
    entry = environment.get("entry_point")
    if entry is not None and known.entry_point != entry:
        raise InputError(
            f"'{id}' is '{known.entry_point}' here, but '{entry}' in the set" + _GIVE,
            path=metadata.path, field="env_spec",
        )  # fmt: skip
    options = environment.get("kwargs") or {}
    options = {k: v for k, v in options.items() if k != "render_mode"}
    try:
        made = make_environment(id, **options)
    except BydemoError as error:
        raise InputError(f"{error}{_GIVE}", path=metadata.path, field="env_spec") from error
    except Exception as error:  # whatever an environment raises when it is made
        raise InputError(f"'{id}' cannot be made: {error}{_GIVE}", path=metadata.path,
                         field="env_spec") from error  # fmt: skip
    try:
        return control_rate_of(made)
    finally:
        made.close()
