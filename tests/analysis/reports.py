"""Runs for a page of report.py, written by hand, and what the page holds."""

import json
import re
from html.parser import HTMLParser

import _report_curves
import _report_learners
import numpy as np
import report

from tests.analysis.handmade import epoch_columns, write_results


def write_run(path, accuracy, status="finished", seed=1, error="", **options):
    """A run of two learners, the one with all samples of class 0, the other of class 1, in turns, a round an epoch."""
    epochs = len(accuracy)
    config = {"method": "gsgm", "algo": "sgd", "dataset": "digits", "model": "mlp", "partition": "sorted"}
    config |= {"learners": 2, "clock": "virtual", "speeds": "", "epochs": epochs, "seed": seed} | options
    spent = {"update": 2, "gradients": 2, "sent_bytes": 1000, "wall_s": 10.0, "virtual_s": 1.0}
    i = np.arange(2 * epochs)
    # Both begin a round together; the second, slower one ends it.
    arrival = i // 2 + np.where(i % 2, 1.0, 0.5)
    ones = np.ones(len(i))
    groups = {
        "epochs": {
            **epoch_columns(accuracy, **spent),
            "class_accuracy": np.array([[a, a] for a in accuracy], np.float64).reshape(epochs, 2),
        },
        "updates": {
            "update": i + 1,
            "learner": (i % 2 + 1).astype(np.int32),
            "step": i // 2,
            "staleness": i % 2,
            "gap": 0.001 * ones,
            "lr": 0.1 * ones,
            "queued_s": 0 * ones,
            "arrival_s": arrival,
            "applied": ones.astype(np.uint8),
        },
        "learners": {
            "learner": np.array([1, 2], np.int32),
            "compute_s": epochs * np.array([0.5, 1.0]),
            "wait_s": epochs * np.array([0.5, 0.0]),
            "label_counts": np.array([[4, 0], [0, 4]]),
        },
        "trace": {
            "event": np.zeros(len(i), np.uint8),
            "learner": (i % 2 + 1).astype(np.int32),
            "step": i // 2,
            "sent_s": (i // 2).astype(np.float64),
            "seconds": np.where(i % 2, 1.0, 0.5),
            "wait_s": 0 * ones,
            "arrival_s": arrival,
        },
    }
    return write_results(
        path,
        groups,
        config,
        status,
        argv=json.dumps(["--seed", str(seed), "--data-dir", "a b"]),
        versions=json.dumps({"python": "3.11.7", "torch": "2.4"}),
        hosts=json.dumps(["n1", "n2"]),
        git_commit="0123456789abcdef",
        start=f"2026-01-02T03:04:0{seed}+00:00",
        end=f"2026-01-02T05:06:0{seed}+00:00",
        error=error,
    )


def write_folder(folder):
    """GSGM's peaks over DSGD's by 1, 2, 3 points, with three seeds; its last epoch is one point below the peak."""
    folder.mkdir()
    for seed in (1, 2, 3):
        write_run(folder / f"gsgm-{seed}.h5", [0.5, 0.8 + seed / 100, 0.79 + seed / 100], seed=seed)
        write_run(folder / f"downpour-{seed}.h5", [0.4, 0.6, 0.8], seed=seed, method="downpour")
    return folder


class Page(HTMLParser):
    """What a page holds.

    Attributes:
        tables: by caption, all rows of texts, those of the head included.
        tags: every start tag with its attributes, in order.
        headings: level and text, in order.
    """

    VOID = ("meta", "br", "img", "link")

    def __init__(self, text):
        super().__init__()
        self.tables, self.tags, self.headings, self.words = {}, [], [], []
        self.open, self.caption, self.rows, self.cell = [], "", [], None
        self.feed(text)
        self.close()
        assert self.open == []

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "table":
            self.caption, self.rows = "", []
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self.cell = True
        elif tag == "br" and self.cell:
            self.rows[-1][-1] += "\n"
        elif re.fullmatch("h[1-6]", tag):
            self.headings.append([int(tag[1]), ""])

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "table":
            # The first is for the screen; what follows under its name is for paper.
            self.tables.setdefault(self.caption.strip(), []).append(self.rows)
        elif tag in ("td", "th"):
            self.cell = None

    def handle_data(self, data):
        if "style" in self.open:
            return
        self.words.append(data)
        if "caption" in self.open:
            self.caption += data
        elif self.cell:
            self.rows[-1][-1] += data
        if self.open and re.fullmatch("h[1-6]", self.open[-1]):
            self.headings[-1][1] += data


def make(*arguments):
    """Runs the script, and reads its page."""
    output = arguments[arguments.index("-o") + 1]
    code = report.main([str(argument) for argument in arguments])
    return code, Page(output.read_text(encoding="utf-8"))


def draw_nothing(monkeypatch):
    """Drawing takes most of the time."""
    for module in (_report_curves, _report_learners):
        monkeypatch.setattr(module, "markup", lambda *_: "")


def table(page, title):
    (found,) = (
        rows
        for caption, (rows, *_) in page.tables.items()
        if caption.startswith(title) and not caption.endswith(", continued")
    )
    return found
