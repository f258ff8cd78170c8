"""One table as text, Markdown or LaTeX."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from _table import print_aligned

# Wider tables are split, with their first columns again.
_WIDTH = 120


@dataclass(frozen=True)
class Entry:
    """What stands in one place of a table.

    Attributes:
        lines: one above the other.
        bold: whether the first of them is the best of those it is compared with.
    """

    lines: tuple[str, ...]
    bold: bool = False


@dataclass(frozen=True)
class Table:
    """A table for people.

    Attributes:
        title: what it shows, in a line.
        header: names of the columns.
        rows: an entry for each column.
        text_columns: how many of the first columns are words; the others are numbers.
        remarks: sentences that explain it, each a line.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Entry]]
    text_columns: int
    remarks: Sequence[str]


def print_document(head: str, tables: Sequence[Table], notes: Sequence[str], form: str) -> None:
    """Prints a line, if any, the tables and the notes, with blank lines between.

    Args:
        head: what is said before the tables.
        tables: in order.
        notes: lines at the end.
        form: a key of :data:`PRINTERS`.
    """
    if form != "text" and any(entry.bold for table in tables for row in table.rows for entry in row):
        notes = ["bold: the best mean of a setting, or the largest gain, as in the paper", *notes]
    _print_lines([head] if head else [], form)
    for i, table in enumerate(tables):
        if head or i:
            print()
        PRINTERS[form](table)
    if notes and (head or tables):
        print()
    _print_lines(notes, form)


def print_text(table: Table) -> None:
    """Prints aligned columns under the title."""
    print(table.title)
    for i, part in enumerate(_split(table)):
        if i:
            print()
        lines = [line for row in part.rows for line in _lines(row)]
        print_aligned(part.header, lines, part.text_columns)
    _print_lines(table.remarks, "text")


def print_markdown(table: Table) -> None:
    """Prints a pipe table under a heading; the best is bold."""
    print(f"### {_markdown(table.title)}\n")
    _print_pipes([_markdown(name) for name in table.header])
    _print_pipes(["---" if i < table.text_columns else "---:" for i in range(len(table.header))])
    for row in table.rows:
        _print_pipes([_marked(entry) for entry in row])
    print()
    _print_lines(table.remarks, "markdown")


def print_latex(table: Table) -> None:
    """Prints a booktabs tabular; title and remarks are comments. The best is bold."""
    _print_lines([table.title, *table.remarks], "latex")
    for i, part in enumerate(_split(table)):
        if i:
            print("\n% continued")
        words = part.text_columns
        print(rf"\begin{{tabular}}{{{'l' * words}{'r' * (len(part.header) - words)}}}" + "\n" + r"\toprule")
        _print_ampersands([_latex(name) for name in part.header])
        print(r"\midrule")
        for number, row in enumerate(part.rows):
            # What belongs together gets some space before the next: a setting, or what stands one above the other.
            if number and ((words > 1 and row[0].lines[0]) or max(len(entry.lines) for entry in row) > 1):
                print(r"\addlinespace")
            bold = [entry.bold for entry in row]
            for line in _lines(row):
                _print_ampersands([_typeset(cell, i < words, bold[i]) for i, cell in enumerate(line)])
                bold = [False] * len(row)
        print(r"\bottomrule" + "\n" + r"\end{tabular}")


def parts(table: Table, longest: int | None = None) -> list[list[int]]:
    """Which columns the parts of a table have that are not too wide, each with the columns of words.

    Args:
        table: of any width.
        longest: letters up to which what stands in one place is on one line; None where it always is.
    """
    widths = [
        min(max(len(name), *(len(line) for row in table.rows for line in row[i].lines), 0), longest or sys.maxsize)
        for i, name in enumerate(table.header)
    ]
    words = range(table.text_columns)
    start = sum(widths[i] + 2 for i in words)
    found: list[list[int]] = [[]]
    for i in range(table.text_columns, len(widths)):
        if found[-1] and start + sum(widths[j] + 2 for j in (*found[-1], i)) - 2 > _WIDTH:
            found.append([])
        found[-1].append(i)
    return [[*words, *part] for part in found]


def _split(table: Table) -> list[Table]:
    return [
        replace(table, header=[table.header[i] for i in part], rows=[[row[i] for i in part] for row in table.rows])
        for part in parts(table)
    ]


def _lines(row: Sequence[Entry]) -> list[list[str]]:
    depth = max(len(entry.lines) for entry in row)
    return [[entry.lines[i] if i < len(entry.lines) else "" for entry in row] for i in range(depth)]


def _marked(entry: Entry) -> str:
    first, *others = map(_markdown, entry.lines)
    return "<br>".join([f"**{first}**" if entry.bold else first, *others])


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_|<>\[\]])", r"\\\1", text)


def _typeset(text: str, is_word: bool, bold: bool) -> str:
    """Numbers as mathematics, for a minus to be one."""
    if text == "-":
        return "--"
    if is_word or not text or re.search("[a-z]", text):
        return rf"\textbf{{{_latex(text)}}}" if bold else _latex(text)
    formula = re.sub(r"-(?=$| )", r"\\mbox{--}", text).replace("±", r"\pm").replace("*", "^{*}")
    return rf"$\mathbf{{{formula}}}$" if bold else f"${formula}$"


_LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_LATEX |= {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}


def _latex(text: str) -> str:
    def escape(match: re.Match[str]) -> str:
        return _LATEX.get(match[0], "\\" + match[0])

    return re.sub(r"[\\~^<>|&%$#_{}]", escape, text)


def _print_lines(lines: Sequence[str], form: str) -> None:
    """Sentences outside of the columns: LaTeX has them as comments."""
    for line in lines:
        print({"text": line, "markdown": f"- {_markdown(line)}", "latex": f"% {line}"}[form])


def _print_pipes(cells: Sequence[str]) -> None:
    print(f"| {' | '.join(cells)} |")


def _print_ampersands(cells: Sequence[str]) -> None:
    print(" & ".join(cells) + r" \\")


PRINTERS: dict[str, Callable[[Table], None]] = {
    "text": print_text,
    "markdown": print_markdown,
    "latex": print_latex,
}
