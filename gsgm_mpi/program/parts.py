"""The parts of a run, from its options: data, problem, plan, method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from gsgm_mpi import data
from gsgm_mpi.config import Config
from gsgm_mpi.errors import UserError
from gsgm_mpi.learners import Rule, Vector
from gsgm_mpi.methods import Method
from gsgm_mpi.methods.averaging import Averaging, Schedule
from gsgm_mpi.plan import Decay, Plan
from gsgm_mpi.problems.image import ImageProblem
from gsgm_mpi.program.wall import say

if TYPE_CHECKING:
    pass

#: The model that fits each data set, where --model is not given.
DEFAULT_MODELS = {
    "mnist": "mnistnet",
    "fashion-mnist": "mnistnet",
    "cifar10": "lenet",
    "cifar100": "convnet",
    "folder": "lenet",
}
_DEFAULT_MODEL = "mlp"


class Parts(NamedTuple):
    """What every rank has before training: the same everywhere, computed anew by each."""

    config: Config
    shards: list[np.ndarray]
    label_counts: np.ndarray
    model: str
    problem: ImageProblem
    plan: Plan
    #: K·n_k/n of each learner where they are weighed by samples.
    share: tuple[float, ...] | None = None
    argv: tuple[str, ...] = ()

    def steps_of(self, k: int) -> int:
        """Gradients that one hand-out to learner k asks for; never more than there are in the run."""
        plan = self.plan
        most = plan.loop_budget(0) // plan.learners if plan.even else plan.updates
        return min(self.rule().steps(plan.batches[k - 1]), most)

    def rule(self) -> Rule:
        """One learner's side of the method."""
        return self.config.method_class.build_rule(self.config.options, self.plan.learners)

    def method(self, hosts: Sequence[str] = (), w0: Vector | None = None) -> Method:
        """The server's side of the method.

        Args:
            hosts: of the learners, for methods whose groups depend on them.
            w0: other weights than the model's first.
        """
        plan, method = self.plan, self.config.method_class
        return method.build(
            self.problem.initial_weights() if w0 is None else w0,
            range(1, plan.learners + 1),
            self.config.options,
            lr=plan.lr_at(0),
            share=self.share if method.weighted == "message" else None,
            seed=self.config.seed,
            **({"schedule": self.schedule(hosts)} if method.collective else {}),
        )

    def schedule(self, hosts: Sequence[str]) -> Schedule:
        """Who averages with whom, where learners do so among themselves; ``hosts`` of the learners."""
        method = self.config.method_class
        assert issubclass(method, Averaging)
        return method.schedule_for(self.config.options, range(1, self.plan.learners + 1), hosts)

    @property
    def most_steps(self) -> int:
        """Most gradients in a message of any learner."""
        return max(self.steps_of(k) for k in range(1, self.plan.learners + 1))


def prepare(config: Config, argv: Sequence[str] = ()) -> Parts:
    """Rank 0, alone and first: finds every mistake that can be found before training begins.

    Args:
        config: settled (gsgm_mpi/cluster.py).
        argv: as typed, for the record.

    Raises:
        UserError: whatever is the user's to mend.
    """
    assert config.learners is not None
    config.method_class.check(config.options, config.learners)
    parts = build(config, config.learners, say)._replace(argv=tuple(argv))
    try:
        parts.method().state()
    except AssertionError as error:
        # Found now, and not when the run is to be saved.
        raise UserError(f"--method {config.method}: {error}; see docs/own-methods.md on state") from error
    return parts


def build(config: Config, learners: int, say: Any) -> Parts:
    """The parts of a run of so many learners."""
    config = replace(config, learners=learners)
    torch.set_num_threads(config.threads)
    try:
        path = data.prepare(
            config.dataset,
            data_dir=Path(config.data_dir) if config.data_dir else None,
            cache_dir=Path(config.cache_dir) if config.cache_dir else data.default_cache_dir(),
            download=config.download,
            seed=config.seed,
            say=say,
        )
    except data.DownloadError as error:
        raise UserError(f"--download: {error}") from error
    images = data.load(path)
    index = np.arange(len(images.train_y))
    if config.validation:
        index, held = data.hold_out(images.train_y, config.validation, config.seed)
        images = images.tested_on(held)
    labels = images.train_y[index]
    parts = data.split(config.partition, labels, learners, config.seed)
    shards = [index[part] for part in parts]
    samples = [len(shard) for shard in shards]
    method = config.method_class
    share = tuple(learners * n / sum(samples) for n in samples) if config.weighting == "samples" else None
    model = config.model or DEFAULT_MODELS.get(config.dataset.split(":")[0], _DEFAULT_MODEL)
    problem = ImageProblem(
        images,
        shards,
        model,
        batch_size=config.batch_size,
        seed=config.seed,
        variance_reduced=config.algo == "svrg",
        weight_decay=config.weight_decay,
        augment=config.augment,
        share=share if method.weighted == "gradient" else None,
        device=config.device,
        memory_format=config.memory_format,
    )
    plan = Plan(
        batches=tuple(problem.batches(k) for k in range(1, learners + 1)),
        epochs=config.epochs,
        lr=config.lr,
        inner_epochs=config.inner_epochs if config.algo == "svrg" else None,
        decay=Decay.parse(config.lr_decay),
        warmup_epochs=config.warmup_epochs,
        per_learner=config.budget == "per-learner",
        even=method.collective,
    )
    counts = data.label_counts(labels, parts, len(images.classes))
    return Parts(config, shards, counts, model, problem, plan, share)
