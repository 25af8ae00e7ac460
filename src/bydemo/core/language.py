"""Instructions as short rows of word indices."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PAD, UNKNOWN = 0, 1


@dataclass(frozen=True)
class Vocabulary:
    """The words of the training instructions; index 0 pads, index 1 stands for unknown words."""

    words: tuple[str, ...]
    length: int

    @classmethod
    def of(cls, instructions: Iterable[str]) -> Vocabulary:
        """The sorted words of `instructions`, and the longest one's number of words."""
        split = [_words(text) for text in instructions]
        words = sorted({word for words in split for word in words})
        return cls(tuple(words), max((len(w) for w in split), default=0) or 1)

    @property
    def size(self) -> int:
        """Rows that an embedding needs, padding and unknown included."""
        return len(self.words) + 2

    def encode(self, instruction: str) -> NDArray[np.int64]:
        """(length,) int64 word indices, padded with 0; later words than `length` are dropped."""
        index = {word: i + 2 for i, word in enumerate(self.words)}
        row = np.zeros(self.length, np.int64)
        words = _words(instruction)[: self.length]
        row[: len(words)] = [index.get(word, UNKNOWN) for word in words]
        return row


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())
