"""How tables.py lays its tables out: as text, Markdown and LaTeX."""

from test_papers_tables import run


def test_wide_tables_are_split(write_seeds, tmp_path, capsys):
    write_seeds("gsgm", (0.81, 0.01), (0.82, 0.01), (0.84, 0.01))
    methods = [f"method{i:02}" for i in range(12)]
    for method in methods:
        write_seeds(method, (0.80, 0.02), (0.80, 0.04), (0.80, 0.08))
    lines = run(capsys, tmp_path, "--stability", "all")
    headers = [line.split() for line in lines if line.startswith("setting")]
    assert len(headers) == 4
    assert headers[0][1:] + headers[1][1:] == methods
    tabulars = [line for line in run(capsys, tmp_path, "--format", "latex") if line.startswith(r"\begin{tabular}")]
    assert len(tabulars) == 1 + 4 * 2
    assert max(len(line) for line in lines if "[" in line) <= 120


def test_markdown(three_methods, write_seeds, tmp_path, capsys):
    write_seeds("my_*.py", (0.5, 0.02), prefix="x")
    lines = run(capsys, tmp_path, "--format", "markdown", "--stability", "all")
    assert lines[2:6] == [
        *("### Absolute figures", ""),
        "| method | seeds | peak % | final % | sigma all |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    assert lines[6] == "| GSGM | 3 | **82.00 ± 2.48** | **82.00 ± 2.48** | **1.000 ± -** |"
    assert lines[9] == r"| my\_\*.py | 1 | 50.00 ± - | 50.00 ± - | 2.000 ± - |"
    gains = [line for line in lines if line.startswith("| all runs")]
    interval = "<br>[-0.48, +4.48]<br>0.074 / 0.074"
    assert gains[0].replace(r"\[", "[").replace(r"\]", "]") == (
        rf"| all runs | +2.00 (3){interval} | +1.10\* (3)<br>[+0.85, +1.35]<br>0.003 / 0.005 | **+31.00 (1)** |"
    )


def test_a_single_gain_is_no_largest(write_seeds, tmp_path, capsys):
    write_seeds("gsgm", (0.81, 0.01))
    write_seeds("downpour", (0.80, 0.02))
    assert "| all runs | +1.00 (1) |" in run(capsys, tmp_path, "--format", "markdown")


def test_latex(three_methods, write_seeds, tmp_path, capsys):
    write_seeds("my_50%.py:A&B", (0.5, 0.02), prefix="x")
    lines = run(capsys, tmp_path, "--format", "latex", "--stability", "all")
    first = lines.index(r"\begin{tabular}{lrrrr}")
    assert lines[first + 1 : first + 9] == [
        r"\toprule",
        r"method & seeds & peak \% & final \% & sigma all \\",
        r"\midrule",
        r"GSGM & $3$ & $\mathbf{82.00 \pm 2.48}$ & $\mathbf{82.00 \pm 2.48}$ & $\mathbf{1.000 \pm \mbox{--}}$ \\",
        r"DSGD & $3$ & $80.00 \pm \mbox{--}$ & $80.00 \pm \mbox{--}$ & $4.667 \pm 7.589$ \\",
        r"PSGD-1 & $3$ & $80.90 \pm 2.24$ & $80.90 \pm 2.24$ & $2.000 \pm \mbox{--}$ \\",
        r"my\_50\%.py:A\&B & $1$ & $50.00 \pm \mbox{--}$ & $50.00 \pm \mbox{--}$ & $2.000 \pm \mbox{--}$ \\",
        r"\bottomrule",
    ]
    start = lines.index(r"setting & DSGD & PSGD-1 & my\_50\%.py:A\&B \\")
    assert lines[start + 2 : start + 5] == [
        r"all runs & $+2.00 (3)$ & $+1.10^{*} (3)$ & $\mathbf{+31.00 (1)}$ \\",
        r" & $[-0.48, +4.48]$ & $[+0.85, +1.35]$ &  \\",
        r" & $0.074 / 0.074$ & $0.003 / 0.005$ &  \\",
    ]
    # All that is no tabular is a comment.
    inside = False
    for line in lines:
        inside |= line.startswith(r"\begin")
        assert inside or not line or line.startswith("% ")
        inside &= not line.startswith(r"\end")
