"""The start-up summary: what is about to run, in a few lines that a user can check at a glance."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from gsgm_mpi.cluster import DEFAULT_DURATIONS

if TYPE_CHECKING:
    from gsgm_mpi.program.parts import Parts

#: Learners whose labels are listed one by one.
_LISTED = 32
_LABELS_LISTED = 12


def describe(parts: Parts, hosts: list[str]) -> list[str]:
    """Lines without date."""
    config, problem, plan = parts.config, parts.problem, parts.plan
    from mpi4py import MPI

    library = " ".join(MPI.Get_library_version().splitlines()[0].strip("\0").split())
    options = ", ".join(f"{name} {value}" for name, value in config.options.items())
    samples = parts.label_counts.sum(axis=1)
    lines = [
        f"method {config.label} ({options}), algo {config.algo}, lr {config.lr:g}, "
        f"batch {config.batch_size}, seed {config.seed}",
        f"model {parts.model} with d = {problem.d:,} parameters, {config.device}, {config.threads} thread(s) a rank",
        f"data {config.dataset}: {samples.sum():,} training samples, partition {config.partition}, "
        f"{_range(samples)} a learner",
        *_labels(parts),
        f"budget: {plan.epochs} epochs of {plan.epoch_updates} updates"
        + (f" in {plan.loops} outer loops" if plan.inner_epochs else "")
        + f", {plan.updates:,} in all",
        *_cluster(parts),
        f"{_ranks(parts, hosts)} on {_places(hosts)}; {library}",
    ]
    if config.method == "hier-avg":
        groups = parts.schedule(hosts[1:]).groups
        lines.append("groups: " + " | ".join(" ".join(map(str, group)) for group in groups))
    return [*lines, *(f"note: {note}" for note in notes(parts, hosts))]


def notes(parts: Parts, hosts: list[str]) -> list[str]:
    """What a user may not expect of this run; a line each."""
    config, learners = parts.config, parts.plan.learners
    lines = list(parts.problem.notes)
    if config.method == "hier-avg":
        groups = parts.schedule(hosts[1:]).groups
        if len(groups) == 1 or max(map(len, groups)) == 1:
            period = "local" if len(groups) == 1 else "global"
            lines.append(f"with these groups hier-avg is k-avg with the {period} period")
    samples = parts.label_counts.sum(axis=1)
    small = [k for k, n in enumerate(samples, start=1) if n < config.batch_size]
    if small:
        whose = "all learners" if len(small) == learners else "learners " + ", ".join(map(str, small))
        lines.append(f"{whose} hold fewer than {config.batch_size} samples: their batch is the whole shard")
    return lines


def _cluster(parts: Parts) -> list[str]:
    """What is modelled: durations and network of virtual time, or what slows real learners."""
    config, virtual = parts.config, parts.config.clock == "virtual"
    model = config.durations or (DEFAULT_DURATIONS if virtual else "")
    if config.durations_from:
        described = [f"durations of {config.durations_from}"]
    else:
        described = [f"durations {model} with {config.gradient_time:g} s a gradient"] if model else []
    for name, unit in {"speeds": "", "slow": "", "latency": " s", "bandwidth": " bytes/s", "server_time": " s"}.items():
        if value := getattr(config, name):
            described.append(f"{name.replace('_', ' ')} {value}{unit}")
    if config.outages:
        described.append(f"outages {config.outages}")
    return ["cluster: " + ", ".join(described)] if described else []


def _ranks(parts: Parts, hosts: list[str]) -> str:
    learners = parts.plan.learners
    if parts.config.clock == "wall":
        return f"ranks: 1 server and {learners} learners"
    computing = "in place" if len(hosts) == 1 else f"by {len(hosts) - 1} of {len(hosts)} ranks"
    return f"virtual time: {learners} learners, computed {computing}"


def _range(samples: np.ndarray) -> str:
    low, high = samples.min(), samples.max()
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _labels(parts: Parts) -> list[str]:
    lines = []
    for k, counts in enumerate(parts.label_counts[:_LISTED], start=1):
        labels = np.flatnonzero(counts)
        listed = "  ".join(f"{c}:{counts[c]}" for c in labels[:_LABELS_LISTED])
        more = f"  and {len(labels) - _LABELS_LISTED} more" if len(labels) > _LABELS_LISTED else ""
        lines.append(f"  learner {k:2d} has label:samples  {listed}{more}")
    if len(parts.label_counts) > _LISTED:
        lines.append(f"  and {len(parts.label_counts) - _LISTED} more learners; all in /learners/label_counts")
    return lines


def _places(hosts: list[str]) -> str:
    counts = Counter(hosts)
    if len(counts) == 1:
        return hosts[0]
    named = ", ".join(f"{host} ({n})" for host, n in list(counts.items())[:4])
    return f"{len(counts)} hosts: {named}" + (" ..." if len(counts) > 4 else "")
