"""The weekly report as one HTML file that needs nothing else: style inline, charts as SVG, no script."""

from __future__ import annotations

from importlib.resources import files

from finops import charts
from finops.summary.blocks import BarChart, Block, Command, Document, LineChart, Paragraph, Section, TableOf
from finops.summary.html_table import cell, html_table

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
            return html_table(rows) if rows else "<p>Nothing.</p>"
        case BarChart(title, data):
            return f"<figure>{charts.bars(data, title)}<figcaption>{cell(title)}</figcaption></figure>"
        case LineChart(title, points, unit):
            return f"<figure>{charts.line(points, title, unit)}<figcaption>{cell(title)}</figcaption></figure>"
