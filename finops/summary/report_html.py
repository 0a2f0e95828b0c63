"""The weekly report as one HTML file that needs nothing else: style inline, charts as SVG, no script."""

from __future__ import annotations

from decimal import Decimal
from html import escape
from importlib.resources import files

from finops import charts, render
from finops.summary.blocks import BarChart, Block, Command, Document, LineChart, Paragraph, Section, TableOf

STYLE = files("finops.summary").joinpath("report.css").read_text("utf-8")


def report_html(document: Document) -> str:
    """The whole page; ends without a newline."""
    notes = "".join(f"<li>{cell(note)}</li>" for note in document.notes)
    body = "\n".join(_section(section) for section in document.sections)
    # no request leaves the page, and nothing in it runs, whatever it holds
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{cell(document.title)}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{cell(document.title)}</h1>\n"
        f'<p class="trust {document.status}">{cell(document.trust)}</p>\n'
        + (f'<ul class="notes">{notes}</ul>\n' if notes else "")
        + f"{body}\n<footer>{cell(document.footer)}</footer>\n</main>\n</body>\n</html>"
    )


def _section(section: Section) -> str:
    level = section.level
    inside = "\n".join(_block(block) for block in section.blocks)
    return f"<section>\n<h{level}>{cell(section.title)}</h{level}>\n{inside}\n</section>"


def _block(block: Block) -> str:
    match block:
        case Paragraph(text, strong):
            return f'<p class="strong">{cell(text)}</p>' if strong else f"<p>{cell(text)}</p>"
        case Command(text):
            return f'<p class="command">Same numbers: <code>{cell(text)}</code></p>'
        case TableOf(rows):
            return _table(rows) if rows else "<p>Nothing.</p>"
        case BarChart(title, data):
            return f"<figure>{charts.bars(data, title)}<figcaption>{cell(title)}</figcaption></figure>"
        case LineChart(title, points, unit):
            return f"<figure>{charts.line(points, title, unit)}<figcaption>{cell(title)}</figcaption></figure>"


def _table(rows: tuple[render.Row, ...]) -> str:
    columns = list(rows[0])
    head = "".join(f"<th{_kind(rows, column)}>{_value(column.replace('_', ' '))}</th>" for column in columns)
    lines = [
        "<tr>" + "".join(f"<td{_kind(rows, column)}>{_value(row[column])}</td>" for column in columns) + "</tr>" for row in rows
    ]
    return f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>\n{chr(10).join(lines)}\n</tbody></table></div>'


def _kind(rows: tuple[render.Row, ...], column: str) -> str:
    """Numbers are aligned right."""
    values = [row[column] for row in rows if row[column] is not None]
    numeric = values and all(isinstance(v, Decimal | int | float) and not isinstance(v, bool) for v in values)
    return ' class="n"' if numeric else ""


def _value(value: object) -> str:
    """A table may be pasted into a spreadsheet, or the file opened in one: no text begins a formula."""
    return cell(render.inert(value.strip())) if isinstance(value, str) else cell(value)


def cell(value: object) -> str:
    """Text in which nothing is markup."""
    return escape(render.text(value), quote=True)
