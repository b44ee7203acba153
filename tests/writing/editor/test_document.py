"""Changes of a text as an editor sends them, against the same changes made in an array of its units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unrolled.writing.editor.document import ENCODINGS, Document, Position

TEXT = st.text(alphabet="ab \n\r\f\u2028é😀", max_size=20)


def positions(text: str) -> list[tuple[int, int]]:
    """The line and column in characters of every place of a text; between `\\r` and `\\n` there is none."""
    found, line, column = [(0, 0)], 0, 0
    for at, character in enumerate(text):
        if character == "\n" or (character == "\r" and text[at + 1 : at + 2] != "\n"):
            line, column = line + 1, 0
        else:
            column += 1
        found.append((line, column))
    return found


def as_position(text: str, offset: int, encoding: str) -> Position:
    line, column = positions(text)[offset]
    name, size = ENCODINGS[encoding]
    return Position(line, len(text[offset - column : offset].encode(name)) // size)


def places(text: str) -> list[int]:
    return [at for at in range(len(text) + 1) if text[at - 1 : at + 1] != "\r\n"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(text=TEXT, changes=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), TEXT), max_size=4))
def test_changes_are_made_where_the_editor_says(
    encoding: str, text: str, changes: list[tuple[float, float, str]]
) -> None:
    document = Document(text, encoding)
    for one, other, new in changes:
        allowed = places(text)
        first, last = sorted(allowed[int(each * (len(allowed) - 1))] for each in (one, other))
        start, stop = (as_position(text, at, encoding) for at in (first, last))
        assert (document.offset(start), document.offset(stop)) == (first, last)
        assert (document.position(first), document.position(last)) == (start, stop)
        document.replace(start, stop, new)
        text = text[:first] + new + text[last:]
        assert document.text == text


@pytest.mark.parametrize(
    ("position", "offset"),
    [
        (Position(0, 0), 0),
        (Position(0, 1), 0),  # amid the two units of one character
        (Position(0, 2), 1),
        (Position(0, 3), 2),
        (Position(0, 99), 2),  # past the line's end
        (Position(1, 99), 6),
        (Position(2, 0), 7),
        (Position(9, 0), 9),  # past the text's end
    ],
)
def test_a_position_is_a_place_of_the_text(position: Position, offset: int) -> None:
    assert Document("😀a\r\nbc\nde").offset(position) == offset


def test_units_are_those_agreed_upon() -> None:
    assert [Document("", encoding).units("aé😀") for encoding in ("utf-8", "utf-16", "utf-32")] == [7, 4, 3]
