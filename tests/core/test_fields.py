"""A spec survives JSON, and two specs that differ say how."""

from __future__ import annotations

import dataclasses
import json

import pytest

from bydemo.core.errors import InputError, MismatchError
from bydemo.core.fields import Field, Part, Spec, check_match
from bydemo.core.jaco_play import jaco_play_spec


def test_json_round_trip() -> None:
    spec = jaco_play_spec({"phase": Field.vector(Part(name="phase", size=1, classes=("a", "b")))})
    assert Spec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_proprioception_of_the_jaco_is_fifteen_numbers() -> None:
    spec = jaco_play_spec()
    assert sum(len(spec.observation[n].columns(labels=False)) for n in spec.vectors) == 15
    assert spec.cameras == ("front_cam", "mount_cam")


def test_columns_split_labels_from_numbers() -> None:
    action = jaco_play_spec().action
    assert action.columns(labels=False).tolist() == [0, 1, 2]
    assert action.columns(labels=True).tolist() == [3]


def test_equal_specs_match_whatever_their_annotations() -> None:
    noted = jaco_play_spec({"distance": Field.vector(Part(name="distance", size=1, unit="m"))})
    check_match(jaco_play_spec(), noted, ours_name="a", theirs_name="b")


def test_every_difference_is_listed() -> None:
    ours = jaco_play_spec()
    observation = {k: v for k, v in ours.observation.items() if k != "mount_cam"}
    theirs = dataclasses.replace(
        ours, observation=observation, action=Field.vector(Part(name="x", size=4)), control_rate=5.0
    )
    with pytest.raises(MismatchError) as caught:
        check_match(ours, theirs, ours_name="the dataset", theirs_name="the task")
    message = str(caught.value)
    assert "observation 'mount_cam' exists only in the dataset" in message
    assert "action: parts" in message
    assert "control rate 10 Hz against 5 Hz" in message


def test_parts_must_fill_the_shape() -> None:
    with pytest.raises(InputError, match="the parts are 2 wide"):
        Field(kind="vector", shape=(3,), dtype="float32", parts=(Part(name="x", size=2),))


def test_a_malformed_spec_names_the_field() -> None:
    with pytest.raises(InputError, match="field 'action'"):
        Spec.from_json({"observation": {}, "control_rate": 1})
