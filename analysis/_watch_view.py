"""Lays out one run for a terminal: lines of text, as many as there is room for."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from _results import Results
from _table import number, printable
from _watch_curve import bar, plot
from _watch_measure import RECENT_EPOCHS, Learner, Measured
from _watch_read import Followed
from _watch_warnings import Warn, duration, is_silent, warnings

_STATUS_STYLES = {"running": "bold cyan", "finished": "bold green", "failed": "bold red", "diverged": "bold red"}
_BEST_CURVE, _AIRY_CURVE, _LEAST_CURVE, _LEAST_BAR = 12, 9, 6, 10
# A warning is cut after so many lines; so are those beyond that number in a window of little height.
_WARNING_LINES, _WARNINGS = 3, 4
_HEADING = f"{'learner':>7}{'used':>8}{'median s':>10}{'times':>7}{'wait':>6}"
_GAP = 3


class Line(NamedTuple):
    """A line with a style of rich's; ``styled`` characters at its beginning have it, -1: all."""

    text: str
    style: str = ""
    styled: int = -1


def view(followed: Followed, width: int, height: int | None, *, ascii_only: bool) -> list[Line]:
    """The lines of one run.

    Args:
        followed: the file.
        width: of the terminal, in characters.
        height: lines that there are; None: as many as are needed.
        ascii_only: the terminal knows no other characters.
    """
    held = followed.held
    if held is None:
        return waiting(followed, width)
    head = [*_wrapped(_title(held), width, 3, "bold"), *_wrapped(_standing(followed, held), width, 2)]
    status = held.results.status
    head = [
        Line(line.text, _STATUS_STYLES.get(status, "bold"), len(status)) if line.text.startswith(status) else line
        for line in head
    ]
    head += _progress(followed, held, width, ascii_only=ascii_only)
    alarms = _alarms(warnings(followed), width, height)
    facts = _facts(held, width)
    table = _table(held, width)
    room = math.inf if height is None else height - len(head) - len(alarms) - len(facts)
    if len(table) + _LEAST_CURVE > room:
        table = []
    # Lines between sections are left out before the curve becomes low.
    gaps = 2 + bool(alarms) + bool(table)
    airy = room - len(table) - gaps >= _AIRY_CURVE
    rows = int(min(_BEST_CURVE, room - len(table) - (gaps if airy else 0)))
    curve = [Line(text, "cyan") for text in _curve(held, width, rows, ascii_only=ascii_only)]
    lines = head
    for section in (alarms, curve, facts, table):
        lines = [*lines, *([Line("")] if airy and section else []), *section]
    return lines if height is None else lines[:height]


def waiting(followed: Followed, width: int) -> list[Line]:
    """What there is to say of a file that could not be read yet."""
    text = f"waiting for {followed.path}"
    if not followed.missing:
        text = f"cannot read {followed.path}: {followed.trouble}; trying again"
    return _wrapped(text, width, _WARNING_LINES)


def one_line(held: Measured) -> str:
    """Where a run stands."""
    epochs, total = held.results.option("epochs"), held.total
    percent = f" ({100 * held.done / total:.0f} %)" if total else ""
    parts = [
        f"{held.results.status}",
        f"epoch {_last_epoch(held)}/{'?' if epochs is None else epochs}",
        f"update {held.done}/{'?' if total is None else total}{percent}",
        f"accuracy {_percent(held.accuracy[-1] if len(held.accuracy) else math.nan)}",
        f"loss {number(held.test_loss, '.4f')}",
        f"{rate(held.rates[0])} updates/s",
    ]
    return "  ".join(parts if held.ended else [*parts, f"{duration(held.left_s)} left"])


def rate(per_s: float) -> str:
    """Three digits, or more where they stand before the point; NaN as a dash."""
    return number(per_s, ".0f" if per_s >= 100 else ".3g")


def hosts(results: Results) -> str:
    """The hosts of a run, each once: two names and how many more; a dash where the file does not know them."""
    try:
        found = json.loads(str(results.provenance.get("hosts", "")))
    except json.JSONDecodeError:
        return "-"
    names = list(dict.fromkeys(map(str, found))) if isinstance(found, list) else []
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return ", ".join(names[:2]) + more or "-"


def _title(held: Measured) -> str:
    results = held.results
    word = {name: "-" if (value := results.option(name)) is None else str(value) for name in _TITLE}
    parts = [
        f"{held.method}: {word['model']} on {word['dataset']} ({word['partition']})",
        f"K = {word['learners']}",
        f"seed {word['seed']}",
        f"{word['clock']} clock",
    ]
    # None of these is a run's usual case.
    parts += [str(word["algo"])] if word["algo"] not in ("sgd", "-") else []
    parts += [f"speeds {word['speeds']}"] if word["speeds"] not in ("", "-") else []
    return ", ".join(parts)


_TITLE = ("model", "dataset", "partition", "learners", "seed", "clock", "algo", "speeds")


def _standing(followed: Followed, held: Measured) -> str:
    provenance = held.results.provenance
    start, end = (str(provenance.get(name, ""))[:16].replace("T", " ") for name in ("start", "end"))
    try:
        resumed = len(json.loads(str(provenance.get("resumed", "[]"))))
    except (json.JSONDecodeError, TypeError):
        resumed = 0
    same_day = end[:10] == start[:10]
    when = f"from {start} to {end[11:] if same_day else end}" if end else f"since {start or '-'}"
    parts = [f"{held.results.status}, {when} UTC"]
    parts.append(f"on {hosts(held.results)}")
    parts += [f"resumed {resumed} time{'s' if resumed > 1 else ''}"] if resumed else []
    parts += [] if held.ended else [f"written {duration(followed.quiet_s)} ago"]
    return ", ".join(parts)


def _progress(followed: Followed, held: Measured, width: int, *, ascii_only: bool) -> list[Line]:
    epochs, total = held.results.option("epochs"), held.total
    fraction = held.done / total if total else math.nan
    left = "" if held.ended else f", {duration(followed.left_s)} left"
    text = f"{number(100 * fraction, '.0f')} %, update {held.done}/{'?' if total is None else total}, "
    text += f"epoch {_last_epoch(held)}/{'?' if epochs is None else epochs}{left}"
    if math.isnan(fraction):
        return _wrapped(text, width, 2)
    if width - len(text) - 1 >= _LEAST_BAR:
        drawn = bar(fraction, width - len(text) - 1, ascii_only=ascii_only)
        return [Line(f"{drawn} {text}", "green", len(drawn))]
    return [Line(bar(fraction, width, ascii_only=ascii_only), "green"), *_wrapped(text, width, 2)]


def _alarms(found: Sequence[Warn], width: int, height: int | None) -> list[Line]:
    shown = found if height is None else found[:_WARNINGS]
    lines = [line for warn in shown for line in _wrapped(f"! {warn.text}", width, _WARNING_LINES, "bold magenta", "  ")]
    if len(shown) < len(found):
        lines.append(Line(f"! and {len(found) - len(shown)} more", "bold magenta"))
    return lines


def _curve(held: Measured, width: int, rows: int, *, ascii_only: bool) -> list[str]:
    return plot(held.epoch.tolist(), 100 * held.accuracy, width, rows, ascii_only=ascii_only)


def _facts(held: Measured, width: int) -> list[Line]:
    last = held.accuracy[-1] if len(held.accuracy) else math.nan
    peak = (math.nan, "") if held.peak is None else (held.accuracy[held.peak], f" (epoch {held.epoch[held.peak]})")
    facts = {
        "accuracy": f"{_percent(last)} last, {_percent(peak[0])} peak{peak[1]}",
        "loss": f"{number(held.test_loss, '.4f')} test, {number(held.train_loss, '.4f')} training",
        "updates/s": f"{_pair(held.rates, f' in the last {RECENT_EPOCHS} epochs', ' in all')}",
        "staleness": "mean {}, 95 % {}, highest {} (last {} used)".format(
            number(held.staleness[0], ".1f"), *(number(x, ".0f") for x in held.staleness[1:]), held.recent
        ),
        "learners": _of_learners(held),
    }
    if held.results.option("clock") == "virtual":
        facts["updates/s"] += f"; a virtual second {_pair(held.virtual_rates)}"
    wide = 11
    lines = []
    for name, text in facts.items():
        wrapped = textwrap.wrap(text, max(width - wide, 10)) or ["-"]
        lines += [Line(f"{name if i == 0 else '':{wide}}{part}", "bold", wide) for i, part in enumerate(wrapped)]
    return lines


def _pair(rates: tuple[float, float], *words: str) -> str:
    recent, overall = words or ("", "")
    return f"{rate(rates[0])}{recent}, {rate(rates[1])}{overall}"


def _of_learners(held: Measured) -> str:
    if not held.learners:
        return "-"
    most, least = (choose(held.learners, key=lambda one: one.used) for choose in (max, min))
    timed = [one for one in held.learners if not math.isnan(one.median_s)]
    parts = []
    if timed:
        slowest = max(timed, key=lambda one: one.median_s)
        parts.append(
            f"slowest {slowest.learner}: median {_three(slowest.median_s)} s, {number(slowest.times)} times the typical"
        )
    parts.append(f"most used {most.learner}: {most.used}, least {least.learner}: {least.used}")
    waited = number(100 * held.waiting, ".0f")
    return "; ".join([*parts, f"waiting {waited} % of the time"])


def _table(held: Measured, width: int) -> list[Line]:
    """A cell a learner, in as many columns as fit, each read from top to bottom."""
    columns = max(1, (width + _GAP) // (len(_HEADING) + _GAP))
    if width < len(_HEADING) or not held.learners:
        return []
    rows = -(-len(held.learners) // columns)
    cells = [_cell(one, held) for one in held.learners]
    columns = -(-len(cells) // rows)
    lines = [(" " * _GAP).join(cells[i::rows]) for i in range(rows)]
    return [Line((" " * _GAP).join([_HEADING] * columns), "bold"), *map(Line, lines)]


def _cell(one: Learner, held: Measured) -> str:
    name = f"{'!' if is_silent(one, held) else ''}{one.learner}"
    waits = f"{number(100 * one.waiting, '.0f')} %"
    return f"{name:>7}{one.used:>8}{_three(one.median_s):>10}{number(one.times):>7}{waits:>6}"


def _three(seconds: float) -> str:
    return number(seconds, "#.3g").removesuffix(".")


def _last_epoch(held: Measured) -> int:
    return int(held.epoch[-1]) if len(held.epoch) else 0


def _percent(fraction: float) -> str:
    return f"{number(100 * fraction)} %"


def _wrapped(text: str, width: int, lines: int, style: str = "", indent: str = "") -> list[Line]:
    wrapped = textwrap.wrap(
        printable(text),
        max(width, 10),
        max_lines=lines,
        placeholder=" ...",
        subsequent_indent=indent,
        break_on_hyphens=False,
    )
    return [Line(part, style) for part in wrapped]
