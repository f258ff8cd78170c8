"""How the default options were chosen: accuracy on digits, label-sorted, over learning rates and learner counts.

Runs GSGM in one process with messages arriving in random order: ``python -m benchmarks.defaults``. Prints Markdown.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import torch

from gsgm_mpi.cli import parse
from gsgm_mpi.learners import VarianceReduced
from gsgm_mpi.program.parts import build
from tests.simulate import simulate


def accuracy(lr: float, learners: int, algo: str, batch_size: int, seed: int) -> tuple[float, float]:
    """Final accuracy, and the first epoch with 0.9 (NaN: never)."""
    config = replace(parse([])[0].config, lr=lr, algo=algo, batch_size=batch_size, seed=seed)
    parts = build(config, learners, lambda _: None)
    problem = parts.problem
    gradients = {"now": problem.gradient}

    def before_loop(w: np.ndarray) -> None:
        if algo == "svrg":
            full = [problem.full_gradient(w, k) for k in range(1, learners + 1)]
            mu = np.mean(full, axis=0).astype(np.float32)
            gradients["now"] = VarianceReduced(problem.gradient, w, mu)

    method = config.method_class(problem.initial_weights(), range(1, learners + 1), lr=lr, **config.options)
    rng = np.random.default_rng(seed)
    _, record = simulate(
        method,
        parts.plan,
        lambda w, k, i: gradients["now"](w, k, i)[0],
        lambda ready: int(rng.choice(ready)),
        before_loop=before_loop,
    )
    scores = [problem.evaluate(w).accuracy for _, _, w in record.epochs]
    return scores[-1], next((epoch for epoch, a in enumerate(scores, start=1) if a >= 0.9), np.nan)


def main() -> None:
    """Prints the table."""
    torch.set_num_threads(1)
    rates = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1]
    print("| algo | K | batch | " + " | ".join(f"lr {lr:g}" for lr in rates) + " |")
    print("|---" * (3 + len(rates)) + "|")
    for algo in ("sgd", "svrg"):
        for learners in (4, 30):
            for batch_size in (16, 32, 64):
                cells = []
                for lr in rates:
                    final, first = zip(*(accuracy(lr, learners, algo, batch_size, s) for s in (1, 2)), strict=True)
                    cells.append(f"{min(final):.3f} ({max(first):.0f})")
                print(f"| {algo} | {learners} | {batch_size} | " + " | ".join(cells) + " |")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
