"""Curves and bars of characters, drawn by hand beforehand."""

import numpy as np
import pytest
from _watch_curve import bar, curve, nice_range, plot

NAN = np.nan


@pytest.mark.parametrize(
    ("height", "columns", "rows", "drawn"),
    [
        # Two rows of two dots each; a column a point.
        ([0, 1 / 3, 2 / 3, 1], 4, 2, ["  .'", ".'  "]),
        # From bottom to top within two columns: the dots between are filled.
        ([0, 1], 2, 2, [" :", ": "]),
        ([0.2, NAN, 0.2], 3, 1, [". ."]),
        ([1.0], 3, 1, ["'  "]),
        ([NAN, NAN], 3, 1, ["   "]),
        ([], 2, 1, ["  "]),
        # Two points in the one column, a dot each.
        ([0, 1], 1, 1, [":"]),
    ],
)
def test_a_curve_in_ascii(height, columns, rows, drawn):
    assert curve(np.array(height, float), columns, rows, ascii_only=True) == drawn


@pytest.mark.parametrize(
    ("height", "columns", "rows", "drawn"),
    [
        # Dots 1 2 3 7 are the left column of a character from the top, 4 5 6 8 the right one.
        ([1, 1, 1, 1], 2, 1, ["⠉⠉"]),
        ([0, 0, 0, 0], 2, 1, ["⣀⣀"]),
        # A dot lower from each point to the next: 1 and 5, then 3 and 8.
        ([1, 2 / 3, 1 / 3, 0], 2, 1, ["⠑⢄"]),
        ([0, NAN, NAN, 1], 2, 1, ["⡀⠈"]),
        ([1, NAN, NAN, NAN, NAN, 0], 3, 2, ["⠁  ", "  ⢀"]),
    ],
)
def test_a_curve_in_braille(height, columns, rows, drawn):
    assert curve(np.array(height, float), columns, rows, ascii_only=False) == drawn


def test_of_many_points_none_that_sticks_out_is_lost():
    height = np.zeros(100_000)
    height[51_234] = 1
    height[70_000:90_000] = NAN
    drawn = curve(height, 10, 2, ascii_only=True)
    # Up to the point and down again, over the border of two columns.
    assert drawn == ["     :    ", ".....::  ."]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        # Steps of at least an eighth of the range: 12.5 makes 20, 0.6 makes 1, 0.0125 makes 0.02.
        (3, 97, (0, 100)),
        (92.3, 97.1, (92, 98)),
        (90, 98, (90, 98)),
        (96.85, 96.95, (96.84, 96.96)),
        # All alike: still a range.
        (50, 50, (50, 50.01)),
        (100, 100, (100, 100.01)),
        (0, 0, (0, 0.01)),
    ],
)
def test_a_range_has_round_ends(low, high, expected):
    assert nice_range(low, high) == pytest.approx(expected)


def test_a_plot_with_its_axes():
    drawn = plot([1, 2, 3, 4], np.array([10.0, NAN, 90.0, 90.0]), 22, 6, ascii_only=True)
    # The gap at epoch 2 leaves a dot before it and a line after it, 2/3 of the way to the right.
    assert drawn == [
        "90 % |          ''''''",
        "     |",
        "50 % |",
        "     |",
        "10 % |.",
        "     + epoch 1 ----- 4",
    ]


def test_a_plot_of_one_epoch_and_of_none():
    drawn = plot([7], np.array([50.0]), 30, 5, ascii_only=False)
    assert drawn[-2].startswith("   50 % ┤⡀")
    assert drawn[-1] == "        └ epoch 7"
    assert plot([], np.array([]), 30, 5, ascii_only=False) == []
    assert plot([1], np.array([NAN]), 30, 5, ascii_only=False) == []
    assert plot([1], np.array([1.0]), 19, 5, ascii_only=False) == []
    assert plot([1], np.array([1.0]), 30, 3, ascii_only=False) == []


@pytest.mark.parametrize(
    ("fraction", "drawn"),
    [(0, "----"), (0.249, "----"), (0.25, "#---"), (0.99, "###-"), (1, "####"), (1.5, "####"), (-1, "----")],
)
def test_a_bar(fraction, drawn):
    assert bar(fraction, 4, ascii_only=True) == drawn
    assert bar(fraction, 4, ascii_only=False) == drawn.replace("#", "█").replace("-", "░")
