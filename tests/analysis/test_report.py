"""report.py: what its page says of small runs written by hand."""

import re
from collections import Counter
from itertools import pairwise

import _compare_report
import _fairness_report
import _report_provenance
import _stability_report
import pytest
import report
from _report_folder import look_into
from _report_picture import markup
from matplotlib.figure import Figure

from tests.analysis.reports import draw_nothing, make, table, write_folder, write_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("report") / "runs")


@pytest.fixture(scope="module")
def page(folder):
    code, found = make(folder, "-o", folder.parent / "report.html")
    assert code == 0
    return found


def test_the_papers_tables_have_mean_and_interval(page):
    # Peaks 81, 82, 83: mean 82, s = 1, t(0.975, 2) = 4.3027, half = 4.3027 / sqrt 3 = 2.48. Three equal have none.
    rows = table(page, "Absolute figures")
    assert rows[0][:4] == ["method", "seeds", "peak %", "final %"]
    assert rows[1][:4] == ["GSGM", "3", "82.00 ± 2.48", "81.00 ± 2.48"]
    assert rows[2][:4] == ["DSGD", "3", "80.00 ± -", "80.00 ± -"]
    # Differences 1, 2, 3: t = 2 / (1 / sqrt 3) = 3.4641, p = 0.0742.
    assert table(page, "Accuracy, peak") == [
        ["method", "all runs"],
        ["DSGD", "+2.00 (3)\n[-0.48, +4.48]\n0.074 / 0.074"],
    ]


def test_the_summary_names_the_best_and_the_next(page):
    assert table(page, "Best by final") == [
        ["setting", "best final %", "next", "best peak %", "next"],
        [
            "all runs",
            *("GSGM\n81.00 ± 2.48 (3)", "DSGD\n80.00 ± - (3)"),
            *("GSGM\n82.00 ± 2.48 (3)", "DSGD\n80.00 ± - (3)"),
        ],
    ]
    for words in (
        "runs 6: 6 finished methods 2: GSGM, DSGD settings 1 seeds 3: 1 to 3",
        "when 2026-01-02 03:04 to 2026-01-02 05:06 (UTC)",
        # Six runs of three epochs, each of 10 s on the wall and 1 s virtual.
        "time 3.0 min wall-clock and 18.0 s virtual",
        "in common digits, mlp, sgd, sorted, K = 2, even speeds, epochs 3",
    ):
        assert words in page.text


def test_cost_fairness_and_single_runs_are_those_of_their_scripts(folder, page, monkeypatch):
    draw_nothing(monkeypatch)
    seen = {}

    def listen(module, name):
        original = getattr(module, name)

        def listening(*arguments):
            seen[name, len(seen)] = original(*arguments)
            return original(*arguments)

        monkeypatch.setattr(module, name, listening)

    for module, name in (
        *((_compare_report, name) for name in ("at_cost", "cost_to", "convergence")),
        *((_fairness_report, "means"), (_stability_report, "run_rows")),
    ):
        listen(module, name)
    report.main([str(folder), "-o", str(folder.parent / "again.html")])
    (at_cost, cost_to, convergence, who, when, runs) = (rows for _, rows in seen.values())
    # Each ± of the script stands with its mean here.
    joined = [[row[0], row[1], *(f"{a} ± {b}" for a, b in zip(row[2::2], row[3::2], strict=True))] for row in at_cost]
    assert table(page, "Accuracy in % at equal cost")[1:] == joined
    assert table(page, "Cost to 80.19 % (99 % of the best final mean, 81.00 %)")[1:] == cost_to
    assert table(page, "Convergence")[1:] == convergence
    assert table(page, "Updates, class weights")[2:] == who
    assert table(page, "Staleness, gap")[2:] == when
    assert table(page, "Accuracy and stability of single runs")[1:] == [["all runs"], *runs]


def test_columns_of_a_kind_share_a_heading(page):
    first, second = table(page, "Updates, class weights")[:2]
    assert first == ["method", "seeds", "updates", "weight", "accuracy"]
    assert second == [
        *("min", "max", "ratio", "Jain", "dropped", "over", "under", "TV", "windows"),
        *("worst", "best", "spread", "r"),
    ]
    assert page.tables["Updates, class weights and accuracies of the classes (%), continued"][-1][0][1] == "accuracy"
    spans = [attributes.get("colspan") for tag, attributes in page.tags if attributes.get("scope") == "colgroup"]
    assert spans[:3] == ["5", "4", "4"]


def test_provenance_says_once_what_is_common(page):
    common = dict(table(page, "Common to all runs")[1:])
    assert (common["dataset"], common["versions: torch"], common["hosts"]) == ("digits", "2.4", "n1, n2")
    assert common["git_commit"] == "0123456789abcdef"
    assert not {"seed", "method", "start", "argv"} & set(common)
    rows = table(page, "Where the runs differ")
    assert rows[0] == ["run", "status", "method", "seed"]
    assert rows[4] == ["gsgm-1.h5", "finished", "gsgm", "1"]
    assert "argv --seed 3 --data-dir 'a b'" in page.text
    assert "start 2026-01-02T03:04:03+00:00" in page.text


def test_the_page_is_in_order(page):
    levels = [level for level, _ in page.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    titles = [title for level, title in page.headings if level == 2]
    assert titles == [
        *("Summary", "The papers’ tables", "Accuracy and stability over the epochs", "Accuracy and its cost"),
        *("Who moved the model", "Who worked when", "Single runs", "Provenance"),
    ]
    ids = Counter(attributes["id"] for _, attributes in page.tags if "id" in attributes)
    assert [name for name, count in ids.items() if count > 1] == []
    targets = [a[key] for _, a in page.tags for key in ("href", "xlink:href") if key in a]
    assert targets
    assert all(target[0] == "#" and target[1:] in ids for target in targets)
    assert ("html", {"lang": "en"}) in page.tags
    scopes = [a.get("scope") for tag, a in page.tags if tag == "th"]
    assert scopes
    assert None not in scopes
    assert "Nothing to show" not in page.text


def test_pictures_are_inside_and_described(page, folder):
    described = [a["aria-label"] for tag, a in page.tags if tag == "svg"]
    # Figures, costs, fairness, timeline.
    assert len(described) == 4
    assert all(re.search(r"Methods: .*GSGM|GSGM, DSGD", words) for words in described)
    text = (folder.parent / "report.html").read_text(encoding="utf-8")
    places = re.findall(r'(?:src|href|url)\s*[=(]\s*"?([^")\s>]+)', text)
    assert [place for place in places if not place.startswith(("#", "data:image/png"))] == []
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    used = set(re.findall(r"url\(#([^)]+)\)", text))
    assert used <= {a["id"] for _, a in page.tags if "id" in a}


def test_the_same_runs_give_the_same_bytes(folder, page):
    again = folder.parent / "same.html"
    assert report.main([str(folder), "-o", str(again)]) == 0
    assert again.read_bytes() == (folder.parent / "report.html").read_bytes()
    assert "Written" not in page.text


def test_a_large_picture_is_a_png_with_the_same_words():
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([1, 2])
    svg = markup(figure, "n", 'a "b"')
    assert re.match(r'<svg [^>]*role="img" aria-label="a &quot;b&quot;">', svg)
    assert set(re.findall(r' id="([^"-]+)-\d+"', svg)) == {"n"}
    assert "<style" not in svg
    png = markup(figure, "n", 'a "b"', largest=100)
    assert re.match(r'<img src="data:image/png;base64,[\w+/=]+" alt="a &quot;b&quot;" width="192" height="96">$', png)


def test_whole_values_and_not_parts_of_them_are_compared(tmp_path):
    write_run(tmp_path / "a.h5", [0.5], noise=0.1, on=True)
    write_run(tmp_path / "b.h5", [0.5], noise=None, on=False, seed=2)
    found = _report_provenance.provenance(look_into([str(tmp_path)], 10, "GSGM"))
    rows = [[entry.lines[0] for entry in row] for row in found.parts[0].blocks[1].screen.bodies[0][1]]
    assert rows == [["a.h5", "finished", "1", "0.1", "yes"], ["b.h5", "finished", "2", "-", "no"]]
