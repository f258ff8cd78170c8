"""A fair rate for every method: what it reaches on held-out training samples, in one process.

``python -m benchmarks.rates --learners 10 -- --dataset mnist --data-dir DATA --epochs 2`` starts from a guess for each
method and goes by factors of 2.5 in the better direction until it gets worse. Messages arrive as from learners that are
equally fast but for 10 % (lognormal). Never looks at the test set. Prints Markdown; names after ``--only`` limit it.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import replace

import numpy as np
import torch

from gsgm_mpi.cli import parse
from gsgm_mpi.methods import METHODS
from gsgm_mpi.program.parts import Parts, build
from tests.simulate import simulate

_FACTOR = 2.5
_MOST_TRIALS = 6
#: Where a method's search begins: its step is a gradient, with momentum, a mean of gradients, or a walk of its own.
_PLAIN, _MOMENTUM, _MEAN, _WALK = 0.03, 0.004, 0.2, 0.1
_START = {
    **dict.fromkeys(("ssgd", "od-sgd", "malenia"), _MEAN),
    **dict.fromkeys(("k-avg", "hier-avg", "fedavg", "fedbuff", "ca2fl", "easgd"), _WALK),
    "eamsgd": 0.01,
}
#: Methods under other gates and rules that are worth a line of their own.
COMBINATIONS = (
    "downpour --gate white-list",
    "downpour --local-momentum",
    "downpour --gate white-list --local-momentum",
    "global-momentum --gate white-list",
    "gsgm --gate immediate",
    "ssp --local-momentum",
    "dana-slim --gate white-list",
)


class AlmostEven:
    """Who comes next where every learner takes about as long for a message of as many gradients."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._ends: dict[int, float] = {}
        self._now = 0.0

    def __call__(self, ready: list[int]) -> int:
        for k in ready:
            if k not in self._ends:
                self._ends[k] = self._now + float(self._rng.lognormal(0, 0.1))
        k = min(ready, key=lambda k: self._ends[k])
        self._now = self._ends.pop(k)
        return k


def accuracy(parts: Parts, lr: float) -> float:
    """Mean accuracy after each epoch; 0 where the run diverges."""
    parts = parts._replace(config=replace(parts.config, lr=lr), plan=replace(parts.plan, lr=lr))
    method, problem = parts.method(), parts.problem
    with np.errstate(all="ignore"):
        conductor, record = simulate(
            method,
            parts.plan,
            lambda w, k, i: problem.gradient(w, k, i)[0],
            AlmostEven(parts.config.seed),
            rule=parts.rule,
        )
    if conductor.diverged or not np.isfinite(method.w).all():
        return 0.0
    return float(np.mean([problem.evaluate(w).accuracy for _, _, w in record.epochs]))


def search(parts: Parts, start: float) -> dict[float, float]:
    """Accuracy by rate, for the rates that were tried."""
    found = {start: accuracy(parts, start)}
    for factor in (_FACTOR, 1 / _FACTOR):
        best = max(found, key=lambda lr: found[lr])
        lr = (max if factor > 1 else min)(found) * factor
        while len(found) < _MOST_TRIALS:
            found[lr] = accuracy(parts, lr)
            if found[lr] <= found[best]:
                break
            best, lr = lr, lr * factor
        if best > start:
            break
    return found


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--learners", type=int, default=10)
    parser.add_argument("--only", nargs="*")
    # What follows "--" are the options of a run.
    own = [*sys.argv[1:], "--"]
    own, rest = own[: own.index("--")], own[own.index("--") + 1 : -1]
    given = parser.parse_args(own)
    torch.set_num_threads(1)
    print("| method | best lr | accuracy | tried |\n|---|---|---|---|")
    for spec in given.only or (*METHODS, *COMBINATIONS):
        argv = ["--method", *spec.split(), "--validation", "0.1", *rest]
        config = parse(argv)[0].config
        momentum = bool(config.options.get("momentum"))
        start = _START.get(config.method, _MOMENTUM if momentum else _PLAIN)
        found = search(build(config, given.learners, lambda _: None), start)
        best = max(found, key=lambda lr: found[lr])
        edge = "" if min(found) < best < max(found) else " (edge)"
        tried = ", ".join(f"{lr:.2g}: {a:.3f}" for lr, a in sorted(found.items()))
        print(f"| {spec} | {_round(best):g} | {found[best]:.4f}{edge} | {tried} |")
        sys.stdout.flush()


def _round(lr: float) -> float:
    """Two significant digits."""
    return round(lr, 1 - math.floor(math.log10(lr)))


if __name__ == "__main__":
    main()
