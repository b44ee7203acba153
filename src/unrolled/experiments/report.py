"""What an experiment found, piece by piece; written as Markdown, as one page of HTML, and as JSON."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Literal, TypeAlias

Verdict: TypeAlias = Literal["holds", "holds in part", "does not hold here", "undecided"]
MADE_BY = '<meta name="generator" content="unrolled reproduce">'
"""By which a page of ours is known again."""
MARKS: dict[Verdict, str] = {"holds": "✓", "holds in part": "◐", "does not hold here": "✗", "undecided": "–"}


@dataclass(frozen=True)
class Heading:
    text: str


@dataclass(frozen=True)
class Paragraph:
    text: str


@dataclass(frozen=True)
class Table:
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True)
class Picture:
    """`path` is relative to the report, without a suffix: there is an SVG and a PNG."""

    path: str
    caption: str


@dataclass(frozen=True)
class Listing:
    """A text as it stands, such as one that a network wrote."""

    text: str
    caption: str


@dataclass(frozen=True)
class Judgement:
    """What became of a claim of the article, and the number that says so."""

    claim: str
    text: str
    verdict: Verdict
    because: str


Piece: TypeAlias = Heading | Paragraph | Table | Picture | Listing


@dataclass
class Report:
    """A title, pieces in order, numbers by name, and judgements of claims."""

    title: str
    about: str = ""
    pieces: list[Piece] = field(default_factory=list[Piece])
    numbers: dict[str, Any] = field(default_factory=dict[str, Any])
    judgements: list[Judgement] = field(default_factory=list[Judgement])

    @property
    def all_pieces(self) -> list[Piece]:
        """The pieces, and the judgements as a table at the end."""
        return [*self.pieces, *judgement_pieces(self.judgements)]


def judgement_pieces(judgements: Sequence[Judgement]) -> list[Piece]:
    """A heading and a table of claims; nothing where there are none."""
    if not judgements:
        return []
    rows = tuple((each.text, f"{MARKS[each.verdict]} {each.verdict}", each.because) for each in judgements)
    return [Heading("What the article says, and what was found"), Table(("claim", "verdict", "because"), rows)]


def as_markdown(report: Report) -> str:
    """The report as Markdown, with pictures beside it."""
    parts = [f"# {report.title}", *([report.about] if report.about else [])]
    for piece in report.all_pieces:
        match piece:
            case Heading(text):
                parts.append(f"## {text}")
            case Paragraph(text):
                parts.append(text)
            case Table(columns, rows, caption):
                lines = [columns, tuple("---" for _ in columns), *rows]
                table = "\n".join(f"| {' | '.join(cell.replace('|', '∣') for cell in line)} |" for line in lines)
                parts.append(f"{table}\n\n{caption}" if caption else table)
            case Picture(path, caption):
                parts.append(f"![{caption}]({path}.svg)\n\n*{caption}*")
            case Listing(text, caption):
                lines = "\n".join(f"    {line}" for line in text.splitlines())
                parts.append(f"{lines}\n\n*{caption}*")
    return "\n\n".join(parts) + "\n"


def as_html(report: Report) -> str:
    """The report as a page that loads nothing but its pictures; dark where the reader's screen is."""
    style = files("unrolled.experiments").joinpath("report.css").read_text("utf-8")
    body = [
        f"<h1>{_inline(report.title)}</h1>",
        *([f"<p class=about>{_inline(report.about)}</p>"] if report.about else []),
    ]
    body += [_as_html(piece) for piece in report.all_pieces]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{html.escape(report.title)}</title>\n"
        f"{MADE_BY}\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>\n{style}</style>\n</head>\n<body>\n<main>\n" + "\n".join(body) + "\n</main>\n</body>\n</html>\n"
    )


def _as_html(piece: Piece) -> str:
    match piece:
        case Heading(text):
            return f"<h2>{_inline(text)}</h2>"
        case Paragraph(text):
            return f"<p>{_inline(text)}</p>"
        case Table(columns, rows, caption):
            head = "".join(f"<th>{_inline(cell)}</th>" for cell in columns)
            lines = "\n".join(f"<tr>{''.join(f'<td>{_inline(cell)}</td>' for cell in row)}</tr>" for row in rows)
            under = f"<caption>{_inline(caption)}</caption>" if caption else ""
            inner = f"{under}\n<thead><tr>{head}</tr></thead>\n<tbody>{lines}</tbody>"
            return f'<div class="table"><table>{inner}</table></div>'
        case Picture(path, caption):
            source, text = html.escape(f"{path}.svg", quote=True), html.escape(caption, quote=True)
            return f'<figure><img src="{source}" alt="{text}"><figcaption>{_inline(caption)}</figcaption></figure>'
        case Listing(text, caption):
            shown = f"<pre tabindex=0>{html.escape(text)}</pre>"
            return f"<figure>{shown}<figcaption>{_inline(caption)}</figcaption></figure>"


def _inline(text: str) -> str:
    """Text with the little Markdown that reports use: `code`, **bold** and [links](address)."""
    text = html.escape(text, quote=True)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    text = re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", text)
    return re.sub(r"\[([^\]]+)\]\(([^)\s:]+)\)", r'<a href="\2">\1</a>', text)
