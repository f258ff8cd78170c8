"""figures.py on the files of a test, and what it draws, taken apart."""

import figures
from _figures_measure import mean_curve, measure
from _results import read


def draw(tmp_path, *arguments):
    return figures.main([str(tmp_path / "runs"), "-o", str(tmp_path / "out"), "--format", "png", *arguments])


def curve(paths, quantity="accuracy", x="epoch", window=2, band="none"):
    return mean_curve([measure(read(path), x, window) for path in paths], quantity, x != "epoch", band)


def legend_of(figure):
    """Names and lines as they are read: row by row."""
    (legend,) = figure.legends
    places = [text.get_window_extent() for text in legend.get_texts()]
    rows = sorted({round(place.y0) for place in places}, reverse=True)
    order = sorted(range(len(places)), key=lambda i: (rows.index(round(places[i].y0)), places[i].x0))
    return [(legend.get_texts()[i].get_text(), legend.get_lines()[i]) for i in order]
