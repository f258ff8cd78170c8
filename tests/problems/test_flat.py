from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from gsgm_mpi.problems.flat import FlatModel
from gsgm_mpi.problems.models import build


def batch(shape, classes, n=6):
    generator = torch.Generator().manual_seed(0)
    return (
        torch.randn(n, *shape, generator=generator),
        torch.randint(0, classes, (n,), generator=generator),
    )


def untouched_gradient(module, w, x, y):
    """By autograd, layer by layer, on a module that no FlatModel has seen."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    vector = torch.from_numpy(w.copy())
    nn.utils.vector_to_parameters(vector, parameters)
    loss = functional.cross_entropy(module(x), y)
    gradient = torch.autograd.grad(loss, parameters)
    return loss.item(), torch.cat([g.flatten() for g in gradient]).numpy()


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("name", ["mlp", "mnistnet", "lenet", "convnet"])
def test_the_gradient_is_autograds(name, channels_last):
    shape = (1, 28, 28) if name in ("mlp", "mnistnet") else (3, 32, 32)
    module = build(name, shape, 10, seed=0).module.eval()
    model = FlatModel(copy.deepcopy(module), channels_last=channels_last)
    x, y = batch(shape, 10)
    w = model.initial()
    assert w.dtype == np.float32
    assert w.shape == (model.d,)
    np.testing.assert_array_equal(w, nn.utils.parameters_to_vector(module.parameters()).detach())
    w += np.random.default_rng(0).normal(0, 0.01, model.d).astype(np.float32)
    loss, gradient = model.loss_and_gradient(w, x, y)
    expected_loss, expected = untouched_gradient(module, w, x, y)
    assert gradient.dtype == np.float32
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=2e-6)
    torch.testing.assert_close(model.logits(w, x), module(x).detach())


def test_the_gradient_is_a_new_array_and_weights_are_only_read():
    model = FlatModel(build("mlp", (1, 8, 8), 3, seed=0).module)
    x, y = batch((1, 8, 8), 3)
    w = model.initial()
    first = w.copy()
    w.flags.writeable = False
    _, a = model.loss_and_gradient(w, x, y)
    kept = a.copy()
    a[:] = np.nan
    _, b = model.loss_and_gradient(w, x, y)
    np.testing.assert_array_equal(b, kept)
    np.testing.assert_array_equal(w, first)
    np.testing.assert_array_equal(model.initial(), first)


class Odd(nn.Module):
    """Tied weights, frozen weights, an unused weight and a buffer that changes the output."""

    def __init__(self):
        super().__init__()
        self.encode = nn.Linear(4, 4)
        self.decode = nn.Linear(4, 4, bias=False)
        self.decode.weight = self.encode.weight
        self.frozen = nn.Linear(4, 3).requires_grad_(False)
        self.unused = nn.Parameter(torch.ones(5))
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls = self.calls + 1
        return self.frozen(self.decode(torch.tanh(self.encode(x)))) * self.calls


def test_tied_frozen_and_unused_parameters():
    torch.manual_seed(0)
    module = Odd()
    model = FlatModel(copy.deepcopy(module))
    assert model.d == 5 + 16 + 4
    x, y = batch((4,), 3)
    w = model.initial()
    loss, gradient = model.loss_and_gradient(w, x, y)
    expected = torch.autograd.grad(functional.cross_entropy(module(x), y), [module.encode.weight, module.encode.bias])
    np.testing.assert_array_equal(gradient[:5], 0)
    np.testing.assert_allclose(gradient[5:], torch.cat([g.flatten() for g in expected]), rtol=1e-5)
    assert model.module.decode.weight is model.module.encode.weight
    np.testing.assert_array_equal(model.module.frozen.weight, module.frozen.weight)
    again, same = model.loss_and_gradient(w, x, y)  # although the module counts its calls
    assert again == loss
    np.testing.assert_array_equal(same, gradient)
    twin = model.copied()
    model.load(w + 1)
    assert twin.loss_and_gradient(w, x, y)[0] == loss


def test_weights_of_another_shape_are_refused():
    model = FlatModel(nn.Linear(3, 2))
    for shape in ((7,), (1,), (), (1, 8)):
        with pytest.raises(ValueError, match="the model has 8 weights"):
            model.load(np.zeros(shape, np.float32))
