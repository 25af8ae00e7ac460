"""What a training configuration may be."""

from __future__ import annotations

from typing import Any

import pytest
from tests.training.toy import config

from bydemo.core.config import from_plain, to_plain
from bydemo.core.errors import InputError, TrainingError
from bydemo.training.config import TrainingConfig, check_resumable


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "'epochs': 0 is not valid: expected at least 1"),
        ({"batch_size": 0}, "'batch_size': 0 is not valid: expected at least 1"),
        ({"learning_rate": 0.0}, "'learning_rate': 0.0 is not valid: expected more than 0"),
        ({"ema": 1.0}, "'ema': 1.0 is not valid: expected a decay between 0 and 1, or none"),
        ({"precision": "fp8"}, "'precision': 'fp8' is not valid: fp32, bf16 or fp16"),
        ({"schedule": "linear"}, "'schedule': 'linear' is not valid: constant or cosine"),
        ({"optimiser": "sgd"}, "'optimiser': 'sgd' is not valid: adam or adamw"),
        ({"epochs": None}, "'epochs': is none: give either epochs, or steps to train for in all"),
        ({"steps": 9}, "'epochs': is 2, and 'steps' 9: give either epochs, or steps to train for"),
        ({"epochs": None, "steps": 0}, "'steps': 0 is not valid: expected at least 1, or none"),
        ({"validate_every": 0}, "'validate_every': 0 is not valid: expected at least 1 step, or n"),
        ({"choose": "first"}, "'choose': 'first' is not valid: best or last"),
        ({"choose": "last", "patience": 3},
         "'patience': is 3, but with choose 'last' no validation is compared with another"),
        ({"minutes": 0.0}, "'minutes': 0.0 is not valid: expected more than 0, or none"),
    ],
)  # fmt: skip
def test_impossible_values(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        config(**change)


def test_survives_json() -> None:
    settings = config(ema=0.99, clip=1, minutes=2)
    assert from_plain(TrainingConfig, to_plain(settings)) == settings


def test_a_run_started_before_a_field_existed_had_its_default() -> None:
    saved = to_plain(config())
    for name in ("choose", "steps", "validate_every"):
        del saved[name]
    check_resumable(saved, config())
    with pytest.raises(TrainingError, match="choose: 'best' was, 'last' now"):
        check_resumable(saved, config(choose="last"))
