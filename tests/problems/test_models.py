from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from gsgm_mpi.errors import UserError
from gsgm_mpi.problems.models import build
from gsgm_mpi.problems.networks import NETWORKS, Resize


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("name", "shape", "classes", "parameters"),
    [
        ("mlp", (1, 8, 8), 10, 64 * 64 + 64 + 640 + 10),
        ("mnistnet", (1, 28, 28), 10, 21_840),
        ("lenet", (3, 32, 32), 10, 62_006),
        ("convnet", (3, 32, 32), 100, 586_184),
        ("torchvision:squeezenet1_1", (3, 32, 32), 10, 727_626),
    ],
)
def test_the_published_models_have_their_published_sizes(name, shape, classes, parameters):
    module, notes = build(name, shape, classes, seed=0)
    assert count(module) == parameters
    assert notes == ()
    assert module.training
    assert module(torch.zeros(4, *shape)).shape == (4, classes)


def test_pooling_before_the_activation_gives_the_published_values():
    x = torch.randn(5, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    module = build("mnistnet", (1, 28, 28), 10, seed=0).module
    conv1, conv2, fc1, fc2 = (layer for layer in module if isinstance(layer, (nn.Conv2d, nn.Linear)))
    torch.manual_seed(3)
    h = functional.relu(functional.max_pool2d(conv1(x), 2))
    h = functional.relu(functional.max_pool2d(functional.dropout2d(conv2(h)), 2)).flatten(1)
    expected = fc2(functional.dropout(functional.relu(fc1(h))))
    torch.manual_seed(3)
    assert torch.equal(module(x), expected)


def test_weights_depend_on_the_seed_and_leave_the_global_random_state_alone():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    a, b, c = (build("lenet", (3, 32, 32), 10, seed=s).module.state_dict() for s in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert not any(torch.equal(a[key], c[key]) for key in a)


@pytest.mark.parametrize(
    ("name", "shape", "classes", "words"),
    [
        ("mnistnet", (3, 28, 28), 10, ["first convolution takes 3", "22,340 parameters"]),
        ("mnistnet", (1, 8, 8), 10, ["8x8 are resized bilinearly to 28x28 (factors 3.5 and 3.5)"]),
        ("lenet", (1, 28, 28), 10, ["resized", "grey channel is repeated on its 3 channels"]),
        ("lenet", (3, 32, 32), 7, ["last layer has 7 classes, not 10", "61,751 parameters"]),
        ("convnet", (4, 64, 32), 10, ["(factors 0.5 and 1)", "takes 4", "10 classes", "541,238"]),
        ("torchvision:squeezenet1_1", (1, 32, 32), 10, ["grey channel is repeated"]),
    ],
)
def test_models_are_made_to_fit_and_say_how(name, shape, classes, words):
    module, notes = build(name, shape, classes, seed=0)
    assert module(torch.zeros(2, *shape)).shape == (2, classes)
    for word in words:
        assert any(word in note for note in notes), (word, notes)


def test_resizing_keeps_a_constant_and_has_no_parameters():
    resize = Resize(28, 28)
    torch.testing.assert_close(resize(torch.full((1, 1, 40, 9), 2.0)), torch.full((1, 1, 28, 28), 2.0))
    assert count(resize) == 0


USER_FILE = """
import torch
from torch import nn
from torch.nn import functional

class Both(nn.Sequential):
    def __init__(self, classes, *, shape):
        super().__init__(nn.Flatten(), nn.Linear(shape[0] * shape[1] * shape[2], classes))

class Lazy(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(64, classes, dtype=torch.float64))
    def forward(self, x):
        return self.body(x)

def anything(**options):
    return Both(**options)

def nothing():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 3))

def three():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 4))

def demanding(width):
    return nn.Identity()

def failing():
    raise RuntimeError("no\\nluck")

def text():
    return "a model"

def frozen():
    return nothing().requires_grad_(False)

class Twins(Both):
    def forward(self, x):
        return super().forward(x), None

class Complex(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(64, classes, dtype=torch.complex64))
    def forward(self, x):
        return (x.flatten(1) + 0j).matmul(self.w).real

number = 3
"""


@pytest.fixture
def user_file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(USER_FILE)
    return path


@pytest.mark.parametrize("factory", ["Both", "Lazy", "anything", "nothing"])
def test_a_users_factory_gets_what_it_takes(user_file, factory):
    module = build(f"{user_file}:{factory}", (1, 8, 8), 3, seed=0).module
    assert count(module) == 64 * 3 + 3
    assert {p.dtype for p in module.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        ("missing", "defines no function or class 'missing'"),
        ("number", "defines no function or class 'number'"),
        ("demanding", "demanding failed with TypeError"),
        ("failing", "failing failed with RuntimeError: no luck"),
        ("text", "must return a torch.nn.Module, not str"),
        ("frozen", "has no parameters to train"),
        ("three", r"shape \(2, 3\) for two samples, not \(2, 4\)"),
        ("Twins", "not tuple"),
        ("Complex", "float32 only"),
    ],
)
def test_a_users_wrong_factory_is_explained(user_file, factory, words):
    with pytest.raises(UserError, match=words) as caught:
        build(f"{user_file}:{factory}", (1, 8, 8), 3, seed=0)
    assert "\n" not in str(caught.value)


def test_a_users_wrong_file_is_explained(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        build(f"{tmp_path}/none.py:F", (1, 8, 8), 3, seed=0)
    (tmp_path / "broken.py").write_text("import nowhere_to_be_found")
    with pytest.raises(UserError, match=r"broken.py failed with ModuleNotFoundError"):
        build(f"{tmp_path}/broken.py:F", (1, 8, 8), 3, seed=0)
    for spec in ("broken.py", "broken.py:", "broken.py:a.b"):
        with pytest.raises(UserError, match=r"--model must be path/to/file.py:Factory"):
            build(spec, (1, 8, 8), 3, seed=0)


def test_unknown_names_get_the_nearest():
    with pytest.raises(UserError, match=r"--model must be one of .*did you mean 'lenet'\?"):
        build("lennet", (3, 32, 32), 10, seed=0)
    with pytest.raises(UserError, match=r"did you mean torchvision:resnet18\?"):
        build("torchvision:resnet_18", (3, 32, 32), 10, seed=0)


def test_images_that_a_model_cannot_take_name_both_options():
    for spec, shape in (("torchvision:alexnet", (3, 8, 8)), ("torchvision:resnet18", (4, 32, 32))):
        with pytest.raises(UserError, match=r"(?s)--model torchvision.*--dataset"):
            build(spec, shape, 10, seed=0)


def test_every_network_states_its_own_size():
    for name, network in NETWORKS.items():
        shape = (network.channels, network.size, network.size)
        module = build(name, shape, network.classes, seed=0).module
        assert count(module) == network.parameters
        assert np.isfinite(module(torch.zeros(2, *shape)).detach().numpy()).all()
