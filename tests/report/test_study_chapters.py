"""A study's page told in chapters, and what stands in its questions besides effects."""

import json
import re

import pytest
from tests.report.chaptered_study import (
    ENCODERS,
    HEADS,
    POLICIES,
    chaptered_results,
    write_chaptered_study,
)
from tests.report.studies import HOSTILE, study_results
from tests.report.test_study_page import page_of, section

from bydemo.core.errors import InputError
from bydemo.core.results import write_json
from bydemo.report.study_page import write_study_page
from bydemo.report.study_reading import read_study


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    folder = write_chaptered_study(tmp_path_factory.mktemp("studies") / "arm")
    return write_study_page(folder, folder / "report.html").read_text()


def plain(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def row(html, name):
    return plain(re.search(rf"<tr><th[^>]*>{name}</th>.*?</tr>", html, re.S).group(0))


def chart(html, title):
    return re.search(rf"<figcaption>{title}</figcaption>.*?</figure>", html, re.S).group(0)


def test_each_chapter_heads_its_questions_then_searches_then_rankings(html):
    main = html[html.index("<main>") :]
    assert re.findall(r"<h2>([^<]*)</h2>", main) == [
        f"1. {ENCODERS}", "1.1 Does a stronger prior cost anything?", "1.2 Searches",
        f"2. {POLICIES}", "2.1 Which head?",
        "2.2 &lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;",
        "2.3 Does one figure foretell another?",
        "3. What else?", "All arms", "Reproduce it",
    ]  # fmt: skip
    assert "Heads on the same frozen encoder, on the same seeds." in main
    assert HOSTILE not in html


def test_every_inner_link_leads_to_one_place(html):
    places = re.findall(r' id="([^"]*)"', html)
    assert len(places) == len(set(places))
    links = re.findall(r'href="#([^"]*)"', html)
    assert len(links) > 10
    assert set(links) <= set(places)


def test_the_navigation_names_chapters_and_leaves_their_sections_to_them(html):
    navigation = re.findall(r"<nav.*?</nav>", html, re.S)
    assert re.findall(r">([^<]+)</a>", navigation[0]) == [
        f"1. {ENCODERS}", f"2. {POLICIES}", "3. What else?", "All arms", "Reproduce it",
    ]  # fmt: skip
    assert len(re.findall("<a ", navigation[2])) == 3


def test_the_head_of_the_page_groups_outcomes_by_chapter_and_names_a_few_arms(html):
    found = plain(re.search(r'<div class="verdict">.*?</div>', html, re.S).group(0))
    assert found == (
        " 4 questions, 17 comparisons with a control: 8 better, 1 worse, 8 cannot be told."
        f" 1. {ENCODERS} 1.1 Does a stronger prior cost anything? "
        "Object position (out of the hand), linear probe, R², against vae: worse beta 4"
        f" 2. {POLICIES} 2.1 Which head? Success rate, against lstm: "
        "better bins, keyframes, chunks of ten and 5 more; "
        "cannot be told gru, transformer, perceptron, mixture"
        " 2.2 &lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp; Success rate, against lstm: "
        "cannot be told gru, transformer"
        " 2.3 Does one figure foretell another? Does validation loss rank success rate? Yes."
        " Beside the chapters 3. What else? Success rate, against lstm: "
        "cannot be told gru, transformer "
    )


def test_effects_have_the_costs_that_are_known(html):
    heads = section(html, "Which head")
    lstm, gru, former = (row(heads, name) for name in HEADS[:3])
    assert lstm.endswith(" 41,542 of 5,052,007 6.1 min 0.20 CPU-h 5 min 41 s 26,000 5.31 ms ")
    assert gru.endswith(" 31,500 (2 of 3 runs) 5.31 ms ")
    assert former.endswith(" not reached 5.31 ms ")
    assert "first at the level, a cross entropy of at most 0.5;" in heads
    assert "Validation is looked at once a round, so that they are an upper bound." in heads
    priors = section(html, "Does a stronger prior")
    for words in ("latency", "samples to the level", "frozen encoder", " of 5,"):
        assert words not in priors, words
    arms = section(html, "All arms")
    assert arms.count("(2 of 3 runs)") == 4
    assert arms.count("5.31 ms") == len(HEADS)


def test_verdicts_on_convergence_stand_by_seed_with_what_the_latent_uses(html):
    own = section(html, "Does a stronger prior")
    table = own[own.index("Did the training converge?") :]
    assert row(table, "beta 4").endswith(
        " converged seed 1 still falling seed 2 cannot tell: only three epochs to fit seed 3"
        " 31.0 [29.0, 33.0] 41.3 [39.3, 43.3] 87.0\u00a0% [85.0, 89.0\u00a0%] ".replace(
            "\u00a0", " "
        )
    )
    assert 'class="unclear">still falling</span> <a href="runs/beta-4/seed-2/report.html">' in own
    assert "the rule in docs/latent_analysis.md" in own
    heads = section(html, "Which head")
    assert 'vae</span><span class="range">where others start from</span>' in heads


def test_a_curve_is_the_mean_over_seeds_in_samples_and_the_control_is_grey(html):
    heads = section(html, "Which head")
    total = chart(heads, "Total loss")
    assert len(re.findall('class="line ', total)) == len(HEADS)
    assert re.findall(r'class="line grey"><title>(.*?)</title>', total) == [HEADS[0]]
    assert ">25,000</text>" in total
    assert total.count("stroke-dasharray") == len(HEADS) - 1 - 8
    assert "<circle" not in total
    assert "Left out, since a single arm has them: Position mse;" in heads
    assert "<figcaption>Position mse" not in heads
    first = re.search(r'd="([^"]*)"[^>]*class="line c0"', total).group(1)
    assert first.count("L") == 31


def test_a_part_that_is_the_total_is_drawn_once(html):
    few = section(html, "What else")
    assert "<figcaption>Cross entropy" in few  # of one arm it isn't all
    priors = section(html, "Does a stronger prior")
    assert re.findall(r"<figcaption>(Total loss|Image|KL)<", priors) == [
        "Total loss",
        "Image",
        "KL",
    ]


def test_parts_that_all_are_the_total_and_runs_without_batch_size_go_by_steps(tmp_path):
    results = chaptered_results()
    folder = write_chaptered_study(tmp_path / "arm", results)
    for config in folder.glob("runs/lstm/*/config.json"):
        write_json(config, {**json.loads(config.read_text()), "experiment": {}})
    results["questions"] = [{**results["questions"][1], "arms": [], "effects": []}]
    write_json(folder / "results.json", results)
    html = write_study_page(folder, folder / "report.html").read_text()
    charts = re.findall(r"<figcaption>([^<]*)</figcaption>", section(html, "Which head"))
    assert charts == ["Success rate", "Total loss"]
    assert ">optimiser step</text>" in html
    assert ">training samples</text>" not in html


def test_a_chapter_without_anything_yet_and_one_without_a_word_have_a_heading(tmp_path):
    results = {**study_results(), "chapters": [{"title": "Later", "about": ""}]}
    html = page_of(tmp_path, results)
    assert "<h2>1. Later</h2>" in html
    assert "<h2>2. Does noise in the demonstrations help?</h2>" in html
    assert "Beside the chapters" in html


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [("chapters", {}, "field 'chapters': is no list"),
     ("chapters", ["x"], r"field 'chapters\.0': is no object"),
     ("chapters", [{"about": "x"}], r"field 'chapters\.0\.title': is no text"),
     ("chapters", [{"title": "a"}, {"title": "a"}],
      r"field 'chapters\.1\.title': 'a' is there twice"),
     ("questions", [{"chapter": "b"}],
      r"field 'questions\.0\.chapter': there is no chapter 'b'; there are none"),
     ("level", 0.5, "field 'level': is no object"),
     ("arms", [{"level": 3}], r"field 'arms\.0\.level': is no object"),
     ("arms", [{"runs": [{"convergence": 1}]}],
      r"field 'arms\.0\.runs\.0\.convergence': is no text")],
)  # fmt: skip
def test_a_malformed_field_is_named(tmp_path, field, value, said):
    (tmp_path / "results.json").write_text(json.dumps({**study_results(), field: value}))
    with pytest.raises(InputError, match=said):
        read_study(tmp_path, tmp_path / "report.html")
