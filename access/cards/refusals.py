"""What the station refuses, in a sentence for whoever stands at the desk."""

from __future__ import annotations


class RefusedError(Exception):
    """An act that cannot be done. `field`: what it is about ("encoder", "user", "credential")."""

    def __init__(self, sentence: str, *, field: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field


class BusyError(RefusedError):
    """Another job holds the encoder or the person. `by`: who began it."""

    def __init__(self, sentence: str, *, field: str, by: str = "") -> None:
        super().__init__(sentence, field=field)
        self.by = by
