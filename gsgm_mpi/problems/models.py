"""A model from its name on the command line, tried out on the data's shape before anything runs."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import nn

from gsgm_mpi.data.torchvision_import import import_torchvision
from gsgm_mpi.errors import UserError, bad_option, unknown_name
from gsgm_mpi.problems.networks import NETWORKS, RepeatChannel, fitted, mlp
from gsgm_mpi.problems.user_model import from_file, in_one_line, is_file_spec
from gsgm_mpi.streams import Purpose, torch_seed

_TORCHVISION = "torchvision:"
# These two return a tuple while training unless told otherwise, and warn without the second.
_WITHOUT_AUXILIARY = {"aux_logits": False, "init_weights": True}
_TORCHVISION_OPTIONS = {"googlenet": _WITHOUT_AUXILIARY, "inception_v3": _WITHOUT_AUXILIARY}


class Built(NamedTuple):
    """A model on the CPU in training mode, and one sentence on each way it was made to fit."""

    module: nn.Module
    notes: tuple[str, ...]


def build(spec: str, shape: tuple[int, int, int], classes: int, seed: int) -> Built:
    """Builds a model for a data set; its weights depend on ``seed`` alone.

    Args:
        spec: ``mlp``, ``mnistnet``, ``lenet``, ``convnet``, ``torchvision:NAME`` or
            ``path/to/file.py:Factory``.
        shape: (C, H, W) of the images.
        classes: how many there are.
        seed: of the run. torch's global random state is left as it was.

    Returns:
        The module, float32, from (n, C, H, W) to (n, classes), and notes for the user.

    Raises:
        UserError: for an unknown name, a model that cannot take these images or that fails on a
            batch of zeros, and for anything wrong with the user's own file.
    """
    with seeded([torch.default_generator], torch_seed(seed, Purpose.WEIGHTS)):
        module, notes = _by_name(spec, shape, classes)
        _try_out(module, spec, shape, classes)
    return Built(module.train(), notes)


def _by_name(spec: str, shape: tuple[int, int, int], classes: int) -> tuple[nn.Module, tuple[str, ...]]:
    if spec == "mlp":
        return mlp(shape, classes), ()
    if spec in NETWORKS:
        return fitted(spec, shape, classes)
    if spec.startswith(_TORCHVISION):
        return _from_torchvision(spec, shape, classes)
    if is_file_spec(spec):
        return from_file(spec, shape, classes).float(), ()
    known = ("mlp", *NETWORKS, "torchvision:NAME", "path/to/file.py:Factory")
    raise unknown_name("--model", spec, known)


def _from_torchvision(spec: str, shape: tuple[int, int, int], classes: int) -> tuple[nn.Module, tuple[str, ...]]:
    name = spec.removeprefix(_TORCHVISION)
    models = import_torchvision().models
    names = models.list_models(module=models)
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        accepted = "an image classifier of torchvision.models, such as torchvision:resnet18"
        fix = f"did you mean {_TORCHVISION}{near[0]}?" if near else ""
        raise bad_option("--model", repr(spec), accepted, fix)
    options = _TORCHVISION_OPTIONS.get(name, {})
    module = models.get_model(name, weights=None, num_classes=classes, **options)
    if shape[0] == 1:
        note = f"{name}: the one grey channel is repeated on its 3 channels"
        return nn.Sequential(RepeatChannel(3), module), (note,)
    return module, ()


def _try_out(module: nn.Module, spec: str, shape: tuple[int, int, int], classes: int) -> None:
    zeros = torch.zeros(2, *shape)
    # Evaluating first lets lazy layers take their sizes. Training changes buffers: try that on a
    # copy, which also shows now whether evaluation will be able to copy the module.
    for training in (False, True):
        try:
            with torch.no_grad():
                tried = copy.deepcopy(module) if training else module
                logits = tried.train(training)(zeros)
        except Exception as error:
            size = "x".join(map(str, shape))
            raise UserError(
                f"--model {spec} cannot take the images of --dataset, {size} (channels x height x"
                f" width): {in_one_line(error)}; use another --model or --dataset"
            ) from error
        given = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        if given != (2, classes):
            raise UserError(
                f"--model {spec} must return one number a sample and class of --dataset, shape"
                f" {(2, classes)} for two samples, not {given}"
            )
    trained = [p for p in module.parameters() if p.requires_grad]
    if not trained:
        raise UserError(f"--model {spec} has no parameters to train; use another --model")
    if any(p.dtype != torch.float32 for p in trained):
        raise UserError(f"--model {spec} must have parameters of type float32 only")


@contextmanager
def seeded(generators: list[torch.Generator], seed: int) -> Iterator[None]:
    """Seeds torch's own generators for a while; afterwards they are as they were before."""
    states = [generator.get_state() for generator in generators]
    try:
        for generator in generators:
            generator.manual_seed(seed)
        yield
    finally:
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)
