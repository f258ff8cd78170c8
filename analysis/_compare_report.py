"""Writes what compare.py measured as tables for people."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import _cells
from _compare_convergence import STEADY, UNDECIDED, Rule, State, in_words
from _compare_curves import COSTS
from _compare_measure import OF_THE_BEST, Group, Row, best_final
from _table import number, print_aligned


def write_tables(groups: Sequence[Group], against: str | None, given_targets: bool, rule: Rule) -> None:
    """Prints three tables a setting, then how to read them.

    Args:
        groups: the settings.
        against: the method that speed-ups are relative to; None for none.
        given_targets: whether the targets were given, and are not a part of each setting's best.
        rule: the rule of convergence.
    """
    for group in groups:
        if group.setting:
            print(f"{_cells.in_words(group.setting)}\n")
        _write_at_cost(group)
        for i in range(len(group.targets)):
            _write_cost_to(group, i, against, given_targets)
        if not group.targets:
            print("\nno target accuracy: no run has finished, and --target was not given")
        _write_convergence(group)
        print()
    print(definitions(against, rule))


def at_cost(group: Group) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the table of accuracies at equal cost."""
    amounts = [_amount(cost, group.point[cost]) for cost in COSTS]
    header = ["method", "finished", *(cell for amount in amounts for cell in (f"at {amount}", "±"))]
    rows = [
        [
            row.method,
            _finished(row),
            *(number(100 * x) for cost in COSTS for x in (row.at[cost].mean, row.at[cost].half_width)),
        ]
        for row in group.rows
    ]
    return header, rows


def cost_to(group: Group, i: int, against: str | None) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the table of what the group's i-th target costs."""
    header = ["method", "reached", *COSTS, *([] if against is None else [f"speed-up over {against}"])]
    rows = []
    for row in group.rows:
        way = row.ways[i]
        cells = [row.method, f"{way.reached} of {len(row.used)}"]
        cells += [_amount(cost, way.costs[cost].mean, with_name=False) for cost in COSTS]
        rows.append(cells if against is None else [*cells, number(way.speed_up)])
    return header, rows


def convergence(group: Group) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the table of what the rule of convergence says."""
    header = ["method", "runs are", "converged", "final %", "peak %", "below best", "drift", "sigma"]
    rows = [[row.method, verdicts(row.states), converged(row.states), *_figures(row.states)] for row in group.rows]
    return header, rows


def target_in_words(group: Group, i: int, given: bool) -> str:
    """The group's i-th target in percent, and what it is a part of where it was not given."""
    best = f" ({100 * OF_THE_BEST:g} % of the best final mean, {100 * best_final(group.rows):.2f} %)"
    return f"{100 * group.targets[i]:.2f} %{'' if given else best}"


def _write_at_cost(group: Group) -> None:
    print(f"accuracy in % at equal cost, seconds by the {group.clock} clock")
    print_aligned(*at_cost(group), text_columns=1)
    if any(math.isnan(value) for value in group.point.values()):
        print("no common cost: no run has finished; see --unfinished")


def _write_cost_to(group: Group, i: int, against: str | None, given: bool) -> None:
    print(f"\ncost to {target_in_words(group, i, given)}, seconds by the {group.clock} clock")
    print_aligned(*cost_to(group, i, against), text_columns=1)


def _write_convergence(group: Group) -> None:
    print("\nconvergence; means over the runs, below best, drift and sigma in percentage points")
    print_aligned(*convergence(group), text_columns=2)


def group_notes(groups: Sequence[Group]) -> list[str]:
    """A line for each setting whose runs are not all of one clock, or whose methods have other seeds than others."""
    notes = []
    for group in groups:
        setting = _cells.in_words(group.setting) or "all runs"
        if group.mixed:
            notes.append(f"note: {setting}: not all runs have virtual times, so wall-clock seconds")
        seeds = {row.method: sorted(curve.seed for curve in row.used) for row in group.rows}
        if len(set(map(tuple, seeds.values()))) > 1:
            told = "; ".join(f"{method} {' '.join(map(str, own))}" for method, own in seeds.items())
            notes.append(f"note: {setting}: means over different seeds: {told}")
    return notes


def verdicts(states: Sequence[State]) -> str:
    """What the runs are, e.g. ``steady`` or ``2 steady, 1 rising``."""
    counts = Counter(state.verdict for state in states).most_common()
    return counts[0][0] if len(counts) == 1 else ", ".join(f"{count} {verdict}" for verdict, count in counts)


def converged(states: Sequence[State]) -> str:
    """How many of the runs of which the rule can tell have converged; a dash if it can of none."""
    told = [state.verdict == STEADY for state in states if state.verdict not in UNDECIDED]
    return f"{sum(told)} of {len(told)}" if told else "-"


def _figures(states: Sequence[State]) -> list[str]:
    names = {"final": ".2f", "peak": ".2f", "below": ".2f", "drift": "+.2f", "sigma": ".2f"}
    means = {name: sum(getattr(state, name) for state in states) / len(states) for name in names}
    return [number(100 * mean, names[name]) for name, mean in means.items()]


def definitions(against: str | None, rule: Rule, own_costs: str = " (or --at)") -> str:
    """How to read the tables, in lines; ``own_costs`` says how to compare at others."""
    lines = (
        "at equal cost: the last evaluation at or before what all finished runs of the setting have "
        f"spent{own_costs};\n"
        "  ± = half the 95 % interval over seeds (Student's t); - = undefined: one seed, or a run that ended before\n"
        "cost to a target: up to the first evaluation that reaches it, mean over seeds; - = not all of them did"
    )
    if against is not None:
        lines += f"\nspeed-up = seconds of {against} / seconds of the method"
    return f"{lines}\n{in_words(rule)}"


def _finished(row: Row) -> str:
    return f"{sum(curve.status == 'finished' for curve in row.curves)} of {len(row.curves)}"


def _amount(cost: str, value: float, with_name: bool = True) -> str:
    """A cost to four digits, e.g. ``12000 updates``, ``2.097 GB``; without its name where a column has it."""
    if math.isnan(value):
        return f"- {cost}" if with_name else "-"
    if cost == "bytes":
        power = min(4, max(0, math.floor(math.log10(value) / 3))) if value >= 1 else 0
        return f"{significant(value / 1000**power)} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"
    if cost == "seconds":
        return significant(value) + (" s" if with_name else "")
    return f"{value:.0f}" + (f" {cost}" if with_name else "")


def significant(value: float) -> str:
    """A number of at least four digits, without an exponent."""
    digits = 3 if value == 0 else max(0, 3 - math.floor(math.log10(abs(value))))
    return f"{value:.{digits}f}"
