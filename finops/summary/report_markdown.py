"""The weekly report as Markdown, for a job summary: tables without charts, in which nothing of the bill is markup."""

from __future__ import annotations

import re
from collections.abc import Mapping

from finops import render
from finops.summary.blocks import BarChart, Block, Command, Document, LineChart, Paragraph, TableOf

BLOCK_STARTS = re.compile(r"^(\d+)([.)])|^([-:=])")
"""What would begin a list, a rule or a heading at the start of a line; the rest is escaped everywhere."""


def report_markdown(document: Document) -> str:
    """The whole report; ends without a newline."""
    parts = [f"# {line(document.title)}", f"**{line(document.trust)}**"]
    if document.notes:
        parts.append("\n".join(f"- {line(note)}" for note in document.notes))
    for section in document.sections:
        parts.append(f"{'#' * section.level} {line(section.title)}")
        parts += [text for text in map(_block, section.blocks) if text]
    return "\n\n".join([*parts, "---", line(document.footer)])


def _block(block: Block) -> str:
    match block:
        case Paragraph(text, strong):
            return f"**{line(text)}**" if strong else line(text)
        case Command(text):
            return f"{line('Same numbers: ' + text)}"
        case TableOf(rows):
            return render.rows([_cells(row) for row in rows], "md") if rows else "Nothing."
        case BarChart() | LineChart():
            return ""


def _cells(row: Mapping[str, object]) -> dict[str, object]:
    """A table may be pasted into a spreadsheet: no text begins a formula."""
    return {render.inert(name): render.inert(value) if isinstance(value, str) else value for name, value in row.items()}


def line(text: str) -> str:
    """One line of text that begins no block."""
    return BLOCK_STARTS.sub(lambda m: f"{m[1]}\\{m[2]}" if m[1] else f"\\{m[3]}", render.markdown(text.strip()))
