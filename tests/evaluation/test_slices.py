import numpy as np
import pytest

from bydemo.evaluation.offline import judge
from bydemo.evaluation.predictions import Predictions


def test_slices_cover_each_quality_once_and_find_where_it_fails(splits, noisy):
    train, judged = splits
    good = noisy(judged, 0.0)
    near = judged.annotation()["distance"][:, 0] < 0.2
    broken = Predictions(
        continuous=good.continuous + np.where(near[:, None], 0.1, 0.0),
        labels=good.labels, log_probabilities=good.log_probabilities,
    )  # fmt: skip
    rows = judge(train, judged, {"policy": broken})["slices"]
    kinds = {row["slice"] for row in rows}
    assert kinds == {"phase", "gripper event", "velocity size", "distance", "instruction", "word"}
    for kind in kinds - {"word"}:
        assert sum(r["steps"] for r in rows if r["slice"] == kind) == len(judged.steps), kind
        shares = [r["share_of_error"]["velocity"] for r in rows if r["slice"] == kind]
        assert sum(shares) == pytest.approx(1), kind
    far = next(r for r in rows if r["slice"] == "distance" and r["value"] == "over 0.2 m")
    assert far["share_of_error"]["velocity"] == 0
    assert far["metrics"]["velocity.rmse"]["value"] == 0
    assert "gripper.event_f1" not in far["metrics"]  # no event can be told from loose steps
    side = next(r for r in rows if r["slice"] == "instruction")
    assert side["metrics"]["gripper.event_f1"]["value"] == 1
    event = next(r for r in rows if r["value"] == "within 3 steps")
    assert 0 < event["share"] < 1
