"""Which layers behave as in training: with dropout, without it, and while evaluating."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase


def batch_norms(module: nn.Module) -> list[_NormBase]:
    """The layers that normalise by a batch's own statistics while training."""
    return [layer for layer in module.modules() if isinstance(layer, _NormBase)]


def train_without_chance(module: nn.Module) -> None:
    """Sets training mode with everything random off, in the user's own layers too.

    Only batch normalisation is trained as usual: its statistics depend on the batch, not on chance.
    """
    module.eval()
    for layer in batch_norms(module):
        layer.train()


def recompute_statistics(module: nn.Module, batches: Iterable[torch.Tensor]) -> None:
    """Sets running statistics to their mean over some batches, and then evaluation mode.

    Running statistics are no weights: a server that adds up gradients has none. So they are made
    from the weights, whenever these are evaluated.

    Args:
        module: a model of which at least one layer keeps running statistics.
        batches: inputs of equal length, as each counts the same.
    """
    train_without_chance(module)
    for layer in batch_norms(module):
        layer.reset_running_stats()
        layer.momentum = None  # a plain mean of all batches
    with torch.no_grad():
        for x in batches:
            module(x)
    module.eval()
