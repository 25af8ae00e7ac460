"""A representation's run judged by what its latent holds, from training to the page."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.data.small import SPEC, write_dataset

from bydemo.core.errors import InputError
from bydemo.core.images import View
from bydemo.core.results import read_json
from bydemo.data.source import Dataset
from bydemo.data.splits import make_split, write_splits
from bydemo.evaluation.latent.convergence import TOTAL
from bydemo.models import proprioception, time_contrastive, vae
from bydemo.report.run_report import write_report
from bydemo.studies.experiment import DataConfig, Experiment
from bydemo.studies.latent import is_representation, judge_latent
from bydemo.studies.latent_strips import cameras_of, sheet
from bydemo.studies.latent_targets import out_of_hand, targets
from bydemo.studies.run import train_run
from bydemo.training.config import TrainingConfig

ROOT = Path(__file__).parents[2]
VIEW = View(cameras=("front", "wrist"), size=8, colour=False)


def experiment(model, view: View = VIEW) -> Experiment:
    training = TrainingConfig(epochs=2, batch_size=16, learning_rate=1e-3)
    return Experiment(model=model, data=DataConfig(view=view), training=training)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Dataset:
    small = write_dataset(tmp_path_factory.mktemp("latent") / "data", lengths=[12] * 20)
    return write_splits(small, make_split(small, "random"))


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("latent") / "run"
    train_run(experiment(vae.Config(latent=6, widths=(4, 8))), dataset, folder, recipe="try.vae")
    judge_latent(folder)
    return folder


def test_every_figure_is_there_with_what_it_was_judged_on(run, dataset):
    found = read_json(run / "results.json")["latent"]
    assert found["split"] == "test"
    assert found["episodes"] == len(dataset.split("test"))
    assert found["train_episodes"] == len(dataset.split("train"))
    assert list(found["representations"]) == [
        "latent", "untrained encoder", "raw proprioception", "pixel components",
    ]  # fmt: skip
    assert found["representations"]["latent"] == found["representations"]["pixel components"] == 6
    asked = {t["target"]: t for t in found["probes"]["targets"]}
    assert list(asked) == [
        "velocity command (length)", "gripper", "phase", "pose", "joints (finger)",
    ]  # fmt: skip
    assert asked["pose"]["held_by"] == ["raw proprioception"]
    raw = asked["pose"]["representations"]["raw proprioception"]["linear"]["r2"]["value"]
    assert raw == pytest.approx(1, abs=1e-6)
    assert {row["target"] for row in found["neighbours"]["purity"]} == {
        "gripper", "phase", "prompt",
    }  # fmt: skip
    assert len(found["dimensions"]["kl"]["by_dimension"]) == 6
    assert set(found["reconstruction"]) == {"image", "proprioception"}


def test_losses_stand_beside_their_floors(run):
    curves = read_json(run / "results.json")["latent"]["convergence"]["curves"]
    image, felt, total = curves["image"], curves["proprioception"], curves[TOTAL]
    # The levels are uniform noise: no picture can be foretold, so the mean is all there is to know.
    assert image["floor"] < image["mean_model"]
    assert image["last"] > image["floor"]
    assert felt["floor"] == 0
    assert felt["mean_model"] == pytest.approx(4, rel=0.2)  # four standardised numbers
    assert total["floor"] == pytest.approx(image["floor"] + felt["floor"])
    assert curves["kl"]["floor"] is None


def test_nothing_but_the_judged_run_is_looked_at_twice_alike(run, dataset):
    """The same run gives the same figures and the same files, but for the time that it took."""
    before = read_json(run / "results.json")
    points = (run / "latent" / "map.json").read_bytes()
    pictures = (run / "latent" / "traversal.png").read_bytes()
    judge_latent(run)
    after = read_json(run / "results.json")
    for results in (before, after):
        results["latent"].pop("seconds")
    assert after["latent"] == before["latent"]
    assert (run / "latent" / "map.json").read_bytes() == points
    assert (run / "latent" / "traversal.png").read_bytes() == pictures


def test_the_pictures_can_be_opened_and_the_page_shows_them(run, tmp_path):
    strips = read_json(run / "results.json")["latent"]["strips"]
    assert [s["file"] for s in strips] == [
        "latent/reconstruction.png", "latent/interpolation.png", "latent/traversal.png",
    ]  # fmt: skip
    for strip in strips:
        with Image.open(run / strip["file"]) as image:
            assert image.format == "PNG"
            assert min(image.size) > 80
    page = write_report([run], tmp_path / "report.html").read_text()
    assert page.count("data:image/png") == 3
    assert "Did it converge?" in page
    assert "Nothing has been rolled out" not in page


def test_without_cameras_there_are_no_pictures(dataset, tmp_path):
    blind = vae.Config(latent=3, modalities=("proprioception",))
    train_run(experiment(blind, View(cameras=())), dataset, tmp_path / "run", recipe="try.vae")
    found = judge_latent(tmp_path / "run", "validation")["latent"]
    assert found["split"] == "validation"
    assert found["strips"] == []
    assert "pixel components" not in found["representations"]
    assert set(found["reconstruction"]) == {"proprioception"}
    write_report([tmp_path / "run"], tmp_path / "report.html")


def test_a_representation_without_a_decoder_has_neither_floors_nor_pictures(dataset, tmp_path):
    model = time_contrastive.Config(latent=5, widths=(4, 8), hidden=16)
    train_run(experiment(model), dataset, tmp_path / "run", recipe="try.contrast")
    assert is_representation(tmp_path / "run")
    found = judge_latent(tmp_path / "run")["latent"]
    assert found["reconstruction"] == {}
    assert found["strips"] == []
    assert found["dimensions"]["kl"] is None
    assert found["convergence"]["deciding"] == [TOTAL]
    write_report([tmp_path / "run"], tmp_path / "report.html")


def test_a_policy_has_no_latent_to_judge(dataset, tmp_path):
    blind = experiment(proprioception.Config(), View(cameras=()))
    train_run(blind, dataset, tmp_path / "run", recipe="try.blind")
    assert not is_representation(tmp_path / "run")
    with pytest.raises(InputError, match="'proprioception' is no representation"):
        judge_latent(tmp_path / "run")


def keys(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inside in value.items():
            yield key
            yield from keys(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from keys(inside)


def test_every_field_is_documented(run):
    said = set(re.findall(r"`([^`\s]+)`", (ROOT / "docs" / "latent_analysis.md").read_text()))
    latent = read_json(run / "results.json")["latent"]
    names = {*latent["representations"], *latent["reconstruction"], "constant",
             *latent["convergence"]["curves"]}  # fmt: skip
    assert sorted(set(keys(latent)) - names - said) == []
    points = read_json(run / "latent" / "map.json")
    assert sorted(set(keys(points)) - said) == []


def test_what_is_known_of_a_step_follows_from_the_spec(dataset):
    rows = np.array([0, 13, 14, 30])
    found = {t.name: t for t in targets(dataset, rows)}
    np.testing.assert_array_equal(found["pose"].values, dataset.observation("pose")[rows])
    assert found["gripper"].classes == SPEC.action.labels[0].classes
    speed = np.linalg.norm(dataset.action[rows, :2], axis=1)
    np.testing.assert_allclose(found["velocity command (length)"].values[:, 0], speed, rtol=1e-6)
    told = found["prompt"]
    assert [told.classes[i] for i in told.values] == [
        dataset.episodes[e].instruction for e in (0, 1, 1, 2)
    ]
    assert not told.probed


def test_a_thing_is_out_of_the_hand_where_it_does_not_move_with_it():
    """Reach a thing that lies 30 cm away, carry it 4 cm off the hand's own place, let go."""
    hand = np.zeros((30, 3))
    hand[:, 0] = np.r_[np.linspace(0, 0.3, 10), np.linspace(0.3, 0.6, 10), np.linspace(0.6, 0, 10)]
    thing = np.zeros((30, 3))
    thing[:10, 0], thing[10:20, 0], thing[20:, 0] = 0.34, hand[10:20, 0] + 0.04, 0.64
    away = out_of_hand(thing, hand, np.array([0]))
    assert away is not None
    assert away[:7].all()
    assert not away[9:20].any()
    assert away[23:].all()
    still = np.repeat(thing[:1], 30, axis=0)
    assert out_of_hand(still, hand, np.array([0])) is None
    # A new episode that begins with the thing elsewhere is no movement.
    still[15:] += 1
    assert out_of_hand(still, hand, np.array([0, 15])) is None


def test_a_sheet_keeps_each_camera_and_colour():
    pictures = np.zeros((2, 4, 4, 6), np.uint8)
    pictures[..., 0], pictures[..., 5] = 200, 90  # red in the first camera, blue in the second
    rows = cameras_of(pictures, View(cameras=("a", "b"), size=4, colour=True))
    assert [tile.getpixel((5, 5)) for tile in (rows[0][0], rows[1][1])] == [(200, 0, 0), (0, 0, 90)]
    drawn = sheet(rows)
    assert drawn.mode == "RGBA"
    assert drawn.getpixel((0, 0)) == (200, 0, 0, 255)
    gap = drawn.size[0] // 2
    assert drawn.getpixel((gap, 0))[3] == 0
