from __future__ import annotations

import numpy as np
import pytest
import torch

from gsgm_mpi.errors import UserError
from gsgm_mpi.problems.image import ImageProblem

from .data import even_shards, random_images

NORMALISED = """
from torch import nn
from torch.nn import functional as F

class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.out = nn.Linear(4 * 36, classes)
    def forward(self, x):
        return self.out(F.dropout(F.relu(self.norm(self.conv(x))).flatten(1), 0.5, self.training))

def flat(classes):
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, classes)
    )
"""


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "normalised.py"
    file.write_text(NORMALISED)
    return file


def problem(model, images, **options) -> ImageProblem:
    shards = even_shards(len(images.train_y), 2)
    return ImageProblem(images, shards, model, **{"batch_size": 16, "seed": 0, **options})


def test_running_statistics_are_made_from_the_weights_that_are_evaluated(path):
    images = random_images(n=300, m=40)
    p = problem(f"{path}:Net", images)
    w = p.initial_weights()
    assert p.d == sum(x.numel() for x in p._flat.module.parameters())
    g, _ = p.gradient(w, 1, 0)
    scores = p.evaluate(w)
    p.evaluate(2 * w)
    for i in range(5):
        p.gradient(3 * w, 2, i)
    again = p.evaluate(w)
    assert again[:2] == scores[:2]
    np.testing.assert_array_equal(p.gradient(w, 1, 0)[0], g)
    assert problem(f"{path}:Net", images).evaluate(w)[:2] == scores[:2]

    # They are those of the sample: its first layer's outputs, layer by layer.
    evaluated = p._evaluation._copy
    norm, conv = evaluated.module.norm, evaluated.module.conv
    batches = list(p._evaluation._statistics_batches())
    assert [len(b) for b in batches] == [256]
    with torch.no_grad():
        outputs = conv(batches[0])
    torch.testing.assert_close(norm.running_mean, outputs.mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(norm.running_var, outputs.var((0, 2, 3)), rtol=1e-3, atol=1e-5)


def test_statistics_come_from_learners_samples_only(path):
    images = random_images(n=60)
    p = ImageProblem(images, [np.arange(7), np.arange(9, 20)], "mlp", batch_size=4, seed=0)
    (batch,) = p._evaluation._statistics_batches()
    expected = p._pixels.tensor(images.train_x[np.r_[:7, 9:20]])
    assert sorted(batch.sum((1, 2, 3)).tolist()) == sorted(expected.sum((1, 2, 3)).tolist())


def test_variance_reduction_turns_a_functional_dropout_off_but_not_batch_statistics(path):
    images = random_images(n=32)
    p = problem(f"{path}:Net", images, variance_reduced=True)
    w = p.initial_weights()
    losses = [p.gradient(w, 1, i)[1] for i in range(3)]  # one batch a pass
    np.testing.assert_allclose(losses, losses[0], rtol=1e-5)
    assert p._flat.module.norm.training
    np.testing.assert_allclose(p.full_gradient(w, 1), p.gradient(w, 1, 0)[0], atol=1e-5)


def test_a_batch_of_one_sample_without_statistics_is_refused_before_the_start(path):
    images = random_images(n=34)
    with pytest.raises(UserError, match=r"--batch-size 16 leaves learner 1 a batch of one sample"):
        problem(f"{path}:flat", images)
    problem(f"{path}:flat", images, batch_size=15)
    problem(f"{path}:Net", images)  # a convolution's one image has many pixels


def test_a_torchvision_model_trains_and_scores():
    p = problem("torchvision:resnet18", random_images((1, 16, 16), n=8, m=4), batch_size=4)
    assert p.d == 11_178_051
    w = p.initial_weights()
    g, loss = p.gradient(w, 1, 0)
    assert np.isfinite(loss)
    assert np.isfinite(g).all()
    assert np.isfinite(p.evaluate(w).loss)
    np.testing.assert_array_equal(p.gradient(w, 1, 0)[0], g)
