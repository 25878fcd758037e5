"""Which opening in a provider's feed belongs to which of our commands. Times only, no rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

#: How long before and after a command was sent the feed may say that its door opened.
EARLY, LATE = timedelta(seconds=5), timedelta(seconds=60)
#: A command's answer comes within this: where a command and an opening are this near to each
#: other, neither belongs to another one further away.
NEAR = timedelta(seconds=10)

Table = list[list[int]]


def causes(sent: Sequence[datetime], told: Sequence[datetime]) -> list[list[int]]:
    """Return for each opening in `told` the commands (indexes of `sent`) it may belong to.

    Openings come in the order of their commands, and one command opens once. Looked at are all
    pairings of as many as possible: one command only is in all of them (reliability ACT-17);
    several: nobody can tell which of them it was; none: somebody else may have opened.
    """
    rows = sorted(range(len(told)), key=told.__getitem__)
    columns = sorted(range(len(sent)), key=sent.__getitem__)
    fits = _fits([sent[column] for column in columns], [told[row] for row in rows])
    ahead = _most(fits, len(columns))
    behind = [line[::-1] for line in _most([line[::-1] for line in fits[::-1]], len(columns))][::-1]
    most = ahead[-1][-1]
    found: list[list[int]] = [[] for _ in told]
    for i, row in enumerate(rows):
        before, after = ahead[i], behind[i + 1]
        if all(least + rest < most for least, rest in zip(before, after, strict=True)):
            found[row] = [
                column
                for j, column in enumerate(columns)
                if fits[i][j] and before[j] + 1 + after[j + 1] == most
            ]
    return found


def _fits(sent: list[datetime], told: list[datetime]) -> list[list[bool]]:
    """Tell of each opening and command whether they may belong together, as far as times tell."""
    near = [[-EARLY <= row - at <= NEAR for at in sent] for row in told]
    has_near = [any(line[j] for line in near) for j in range(len(sent))]
    return [
        [
            line[j] or (-EARLY <= row - at <= LATE and not any(line) and not has_near[j])
            for j, at in enumerate(sent)
        ]
        for row, line in zip(told, near, strict=True)
    ]


def _most(fits: list[list[bool]], width: int) -> Table:
    """Return at [i][j] how many of the first i openings the first j commands can explain."""
    table = [[0] * (width + 1)]
    for line in fits:
        before, row = table[-1], [0]
        for j in range(width):
            row.append(max(row[j], before[j + 1], before[j] + line[j]))
        table.append(row)
    return table
