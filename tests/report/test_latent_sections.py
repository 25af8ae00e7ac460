import re

import pytest
from tests.report.latent_runs import write_latent_run

from bydemo.core.errors import InputError
from bydemo.core.results import read_json, write_json
from bydemo.report.latent_words import convergence_text, outcomes_against, probe_text
from bydemo.report.point_map import Places, label_map, number_map, path_map
from bydemo.report.reading import read_run
from bydemo.report.run_report import write_report
from bydemo.report.verdict import verdict_of


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_latent_run(tmp_path_factory.mktemp("latent") / "vae")


@pytest.fixture(scope="module")
def page(run, tmp_path_factory):
    return write_report([run], tmp_path_factory.mktemp("page") / "report.html").read_text()


def test_the_page_has_a_section_for_each_question(page):
    headings = re.findall(r"<h2>(.*?)</h2>", page)
    assert headings[:6] == [
        "Did it converge?", "What can be read off it", "Who lies beside whom",
        "How it moves in time", "Map", "What it keeps, in pictures",
    ]  # fmt: skip
    assert "Two &lt;rows&gt;." in page
    assert not re.search(r">[^<]*\b(nan|None)\b", page)
    assert len(page) < 1_000_000


def test_the_verdict_follows_from_the_figures(run):
    said = verdict_of([read_run(run)])
    assert said[0] == (
        "The training has converged (validation losses); of the way from the mean model to the "
        "floor it went 92\u00a0% for the image. The learning rate had run out by then, which "
        "flattens any curve: more epochs at a higher rate might still go lower."
    )
    assert said[1] == (
        "Of what is known of a step, a linear probe reads off the latent 2 better than off the "
        "unrelated and 0 worse (of 2)."
    )
    assert "share the gripper (chance" in said[2]
    assert "For skill neighbours agree no more often than by chance." in said[2]
    assert "closed loop" not in " ".join(said)


def test_a_loss_that_still_falls_is_said_first(tmp_path):
    falling = write_latent_run(tmp_path / "vae", falling=80.0)
    said = verdict_of([read_run(falling)])[0]
    assert said.startswith("The training has not converged: a loss still fell when it ended")
    assert "run out" not in said


def test_two_representations_are_told_apart_by_name(run, tmp_path):
    other = write_latent_run(tmp_path / "other", "other", falling=80.0)
    runs = [read_run(run), read_run(other)]
    assert [text.partition(":")[0] for text in verdict_of(runs)] == ["vae", "other"]
    page = write_report([run, other], tmp_path / "report.html").read_text()
    headings = re.findall(r"<h2>(.*?)</h2>", page)
    assert "Map, vae" in headings
    assert "Map, other" in headings


def test_what_a_rival_consists_of_is_no_contest(run):
    latent = dict(read_run(run).block("latent"))
    assert dict(outcomes_against(latent, "unrelated")) == {"state": "better", "gripper": "better"}
    latent["probes"]["targets"][0]["held_by"] = ["unrelated"]
    assert dict(outcomes_against(latent, "unrelated")) == {"gripper": "better"}
    latent["probes"]["targets"][1]["differences"]["unrelated"]["linear"]["macro_f1"]["verdict"] = (
        "cannot tell from n = 10 episodes"
    )
    assert probe_text(latent) == (
        "Of what is known of a step, a linear probe reads off the latent 0 better than off the "
        "unrelated, 0 worse and 1 not to be told apart (of 1)."
    )


def test_no_more_is_said_of_convergence_than_the_rule_allows():
    assert convergence_text({}) == ""
    said = convergence_text({"verdict": "cannot tell", "judged_on": "train", "curves": {}})
    assert said == "Whether the training has converged cannot be told (train losses)."


def test_undefined_figures_are_dashes_and_missing_blocks_are_left_out(run, tmp_path):
    results = read_json(run / "results.json")
    latent = results["latent"]
    for part in ("neighbours", "smoothness", "map", "strips", "reconstruction"):
        del latent[part]
    latent["dimensions"]["kl"] = None
    first = latent["probes"]["targets"][0]["representations"]["latent"]["linear"]
    first["r2"] = {"value": None, "low": None, "high": None}
    folder = tmp_path / "half"
    write_json(folder / "results.json", results)
    write_json(folder / "config.json", {"schema": "bydemo.run/1"})
    page = write_report([folder], tmp_path / "report.html").read_text()
    assert "\u2013" in page
    assert "<h2>Map" not in page


def test_a_damaged_map_or_picture_is_named(tmp_path):
    folder = write_latent_run(tmp_path / "vae")
    points = folder / "latent" / "map.json"
    write_json(points, {"x": [1.0]})
    with pytest.raises(InputError, match=r"map\.json: is no map of points"):
        write_report([folder], tmp_path / "report.html")
    write_json(points, {"x": [], "y": [], "episode": [], "targets": []})
    (folder / "latent" / "reconstruction.png").unlink()
    with pytest.raises(InputError, match=r"reconstruction\.png: the pictures cannot be read"):
        write_report([folder], tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


SQUARE = Places(x=[0.0, 10.0, 0.0, 10.0], y=[0.0, 0.0, 10.0, 10.0])


def dots(drawn: str) -> dict[str, int]:
    """Colour class -> points drawn in it."""
    paths = re.findall(r'<path d="([^"]*)" class="dots (\w+)"', drawn)
    return {style: way.count("M") for way, style in paths}


def test_every_point_is_drawn_once_in_the_colour_of_its_class():
    drawn = str(label_map(SQUARE, [1, 1, 0, 3], ["a", "b", "c", "d"], title="Phase"))
    assert dots(drawn) == {"c1": 2, "c0": 1, "c2": 1}
    assert drawn.index("dots c1") < drawn.index("dots c0")  # the commonest lies below
    assert re.findall(r"</i>(\w)", drawn) == ["a", "b", "d"]


def test_of_many_classes_the_rare_ones_are_grey():
    classes = [c for c in range(12) for _ in range(14 - c)]
    places = Places(x=list(range(len(classes))), y=[0.0] * len(classes))
    drawn = str(label_map(places, classes, [f"k{c}" for c in range(12)], title="Prompt"))
    assert dots(drawn) == {"quiet": 6 + 5 + 4 + 3} | {f"c{i}": 14 - i for i in range(8)}
    assert "others" in drawn


def test_numbers_are_shaded_and_an_outlier_does_not_swallow_the_scale():
    n = 100
    places = Places(x=list(range(n)), y=[0.0] * n)
    drawn = str(number_map(places, [*range(n - 1), 1e6], title="Distance", unit="m"))
    assert sum(dots(drawn).values()) == n
    assert set(dots(drawn)) == {f"q{shade}" for shade in range(8)}
    assert "97.0 m" in drawn


def test_episodes_are_paths():
    drawn = str(path_map(SQUARE, [4, 4, 9, 9], title="Episodes", said="episode"))
    assert dots(drawn) == {"c0": 2, "c1": 2}
    assert drawn.count('class="way') == 2
    assert "episode 9" in drawn


def test_a_map_has_one_scale_for_both_axes():
    wide = Places(x=[0.0, 100.0], y=[0.0, 10.0])
    drawn = str(label_map(wide, [0, 0], ["a"], title="T"))
    height = float(re.search(r'viewBox="0 0 360 (\d+)"', drawn)[1])
    assert height == pytest.approx(12 + 348 / 10, abs=1)
    assert "No figures" in str(label_map(Places(x=[], y=[]), [], ["a"], title="T"))
