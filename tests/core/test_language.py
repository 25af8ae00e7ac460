"""Instructions become word indices and back to the same policy input, whatever the padding."""

from __future__ import annotations

from bydemo.core.language import PAD, UNKNOWN, Vocabulary


def test_words_are_found_again_and_unknown_ones_are_marked() -> None:
    words = Vocabulary.of(["pick up the apple fruit", "place the cup in the sink"])
    row = words.encode("pick up the yellow cup")
    assert len(row) == 6
    assert row[-1] == PAD
    assert row[3] == UNKNOWN
    assert len(set(row[[0, 1, 2, 4]].tolist())) == 4


def test_order_is_kept() -> None:
    words = Vocabulary.of(["black bowl in gray bowl"])
    assert words.encode("black bowl in gray bowl").tolist() != words.encode(
        "gray bowl in black bowl").tolist()  # fmt: skip


def test_no_instruction_at_all_still_has_a_row() -> None:
    assert Vocabulary.of([""]).encode("").tolist() == [PAD]
