from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from gsgm_mpi.errors import UserError
from gsgm_mpi.problems.image import ImageProblem
from gsgm_mpi.problems.models import build

from .data import even_shards, random_images


def problem(model="mlp", images=None, *, learners=2, **options) -> ImageProblem:
    images = images or random_images()
    shards = even_shards(len(images.train_y), learners)
    return ImageProblem(images, shards, model, **{"batch_size": 8, "seed": 0, **options})


@pytest.fixture(scope="module")
def dropping() -> ImageProblem:
    """A model with dropout, and augmentation."""
    return problem("mnistnet", random_images((1, 28, 28), 10), augment=True)


def test_the_contract_of_counts():
    p = problem(learners=3)
    assert p.d == 64 * 64 + 64 + 64 * 3 + 3
    assert [p.samples(k) for k in (1, 2, 3)] == [20, 20, 20]
    assert [p.batches(k) for k in (1, 2, 3)] == [3, 3, 3]
    assert p.notes == ()
    for k in (0, 4):
        with pytest.raises(ValueError, match="there is no learner"):
            p.batches(k)


def test_initial_weights_are_a_copy_and_depend_on_the_seed():
    p = problem()
    w = p.initial_weights()
    w[:] = 0
    expected = nn.utils.parameters_to_vector(build("mlp", (1, 8, 8), 3, 0).module.parameters())
    np.testing.assert_array_equal(p.initial_weights(), expected.detach())
    assert not np.array_equal(p.initial_weights(), problem(seed=1).initial_weights())


def test_a_gradient_is_that_of_the_normalised_batch():
    images = random_images()
    p = problem("mlp", images)
    w = p.initial_weights()
    batch = p._shards[1].batch(2)
    x = torch.tensor((images.train_x[batch] / 255 - 0.5) / 0.25, dtype=torch.float32)
    module = build("mlp", (1, 8, 8), 3, 0).module
    loss = functional.cross_entropy(module(x), torch.tensor(images.train_y[batch]))
    expected = torch.autograd.grad(loss, list(module.parameters()))
    g, given = p.gradient(w, 2, 2)
    assert given == pytest.approx(loss.item(), rel=1e-6)
    np.testing.assert_allclose(g, torch.cat([e.flatten() for e in expected]), atol=1e-6)


def test_gradients_are_pure_in_any_order_and_beside_evaluation(dropping):
    w = dropping.initial_weights()
    steps = [(k, i) for i in range(9) for k in (1, 2)]
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = {step: dropping.gradient(w, *step) for step in steps}
    assert torch.equal(torch.get_rng_state(), before)
    alone = dropping.evaluate(w + 1)

    scores, stop = [], threading.Event()

    def evaluate():
        while not stop.is_set():
            scores.append(dropping.evaluate(w + 1))

    thread = threading.Thread(target=evaluate)
    thread.start()
    try:
        for step in reversed(steps):
            g, loss = dropping.gradient(w, *step)
            np.testing.assert_array_equal(g, first[step][0])
            assert loss == first[step][1]
            dropping.gradient(w - 1, 1, 0)
    finally:
        stop.set()
        thread.join()
    assert scores
    for score in scores:
        assert score[:2] == alone[:2]
    losses = {loss for _, loss in first.values()}
    assert len(losses) == len(steps)


def test_another_process_would_give_the_same_bits(dropping):
    other = problem("mnistnet", random_images((1, 28, 28), 10), augment=True)
    w = dropping.initial_weights()
    np.testing.assert_array_equal(other.gradient(w, 2, 5)[0], dropping.gradient(w, 2, 5)[0])


def test_masks_and_augmentation_change_from_step_to_step():
    images = random_images((1, 28, 28), 10, n=16)
    w = problem("mnistnet", images).initial_weights()

    def losses(**options):
        p = problem("mnistnet", images, learners=1, batch_size=100, **options)
        return [p.gradient(w, 1, i)[1] for i in range(3)]

    # One batch a pass, so only the order within it changes between steps.
    quiet = losses(variance_reduced=True, augment=True)
    np.testing.assert_allclose(quiet, quiet[0], rtol=1e-6)
    masked, both = losses(), losses(augment=True)
    assert np.ptp(masked) > 1e-3
    assert np.abs(np.subtract(masked, both)).min() > 1e-5


def test_weight_decay_and_share_change_gradients_but_not_losses():
    plain, other = problem(), problem(weight_decay=0.1, share=[0.5, 1.5])
    w = plain.initial_weights()
    for k, share in ((1, 0.5), (2, 1.5)):
        g, loss = plain.gradient(w, k, 3)
        h, same = other.gradient(w, k, 3)
        assert h.dtype == np.float32
        assert same == loss
        np.testing.assert_allclose(h, share * (g + 0.1 * w), rtol=1e-5, atol=1e-7)
        expected = share * (plain.full_gradient(w, k) + 0.1 * w.astype(np.float64))
        np.testing.assert_allclose(other.full_gradient(w, k), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("n", [60, 700])
def test_the_full_gradient_is_the_weighted_mean_of_a_pass(n):
    p = problem("mnistnet", random_images((1, 14, 14), 3, n=n), batch_size=64, variance_reduced=True)
    w = p.initial_weights()
    for k in (1, 2):
        full = p.full_gradient(w, k)
        assert full.dtype == np.float64
        mean = np.zeros(p.d)
        for i in range(p.batches(k)):
            mean += p.gradient(w, k, i)[0] * (len(p._shards[k - 1].batch(i)) / p.samples(k))
        np.testing.assert_allclose(full, mean, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(p.full_gradient(w, k), full)


def test_the_full_gradient_has_no_dropout_and_leaves_dropout_on(dropping):
    w = dropping.initial_weights()
    g, _ = dropping.gradient(w, 1, 0)
    full = dropping.full_gradient(w, 1)
    np.testing.assert_array_equal(dropping.gradient(w, 1, 0)[0], g)
    images = random_images((1, 28, 28), 10)
    quiet = problem("mnistnet", images, variance_reduced=True)
    np.testing.assert_array_equal(quiet.full_gradient(w, 1), full)


def test_the_full_gradient_is_the_slope_of_the_loss():
    images = random_images()
    p = problem("mlp", images, learners=1)
    w = p.initial_weights()
    module = build("mlp", (1, 8, 8), 3, 0).module.double()
    x = torch.tensor((images.train_x / 255 - 0.5) / 0.25)
    y = torch.tensor(images.train_y)

    def loss(v):
        nn.utils.vector_to_parameters(torch.tensor(v), module.parameters())
        return functional.cross_entropy(module(x), y).item()

    full = p.full_gradient(w, 1)
    rng = np.random.default_rng(0)
    for _ in range(5):
        direction = rng.normal(size=p.d)
        step = 1e-6 * direction
        slope = (loss(w + step) - loss(w - step)) / 2e-6
        assert full @ direction == pytest.approx(slope, rel=1e-4, abs=1e-5)


def test_evaluation_counts_and_sums_over_several_batches():
    images = random_images(n=20, m=1234, classes=4)
    held = images.test_y != 2  # class 2 has no test sample
    images = type(images)(**{**vars(images), "test_x": images.test_x[held], "test_y": images.test_y[held]})
    p = problem("mlp", images)
    w = p.initial_weights()
    module = build("mlp", (1, 8, 8), 4, 0).module
    with torch.no_grad():
        logits = module(torch.tensor((images.test_x / 255 - 0.5) / 0.25, dtype=torch.float32))
    right = logits.argmax(1).numpy() == images.test_y
    scores = p.evaluate(w)
    assert scores.accuracy == right.mean()
    y = torch.tensor(images.test_y)
    assert scores.loss == pytest.approx(functional.cross_entropy(logits, y).item(), rel=1e-6)
    assert np.isnan(scores.class_accuracy[2])
    for c in (0, 1, 3):
        assert scores.class_accuracy[c] == right[images.test_y == c].mean()


def test_weights_of_nan_are_scored_without_an_exception(dropping):
    w = np.full(dropping.d, np.nan, np.float32)
    scores = dropping.evaluate(w)
    assert np.isnan(scores.loss)
    assert 0 <= scores.accuracy <= 1
    g, loss = dropping.gradient(w, 1, 0)
    assert np.isnan(loss)
    assert np.isnan(g).any()
    assert np.isfinite(dropping.evaluate(dropping.initial_weights()).loss)


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28)])
def test_memory_formats_agree_and_auto_chooses_by_the_model(shape):
    images = random_images(shape, 10)
    formats = [problem("lenet", images, memory_format=f) for f in ("contiguous", "channels_last")]
    w = formats[0].initial_weights()
    a, b = (p.gradient(w, 1, 0)[0] for p in formats)
    np.testing.assert_allclose(a, b, atol=1e-6)
    assert problem("lenet", images).memory_format == "channels_last"
    assert problem("mlp", images).memory_format == "contiguous"
    with pytest.raises(UserError, match="--memory-format must be auto or"):
        problem(memory_format="nchw")


def test_a_memory_map_is_read_without_a_warning(tmp_path):
    images = random_images((3, 8, 8))
    maps = {}
    for name in ("train_x", "train_y", "test_x", "test_y"):
        np.save(tmp_path / f"{name}.npy", getattr(images, name))
        maps[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
    mapped, plain = problem("mlp", type(images)(**{**vars(images), **maps})), problem("mlp", images)
    w = plain.initial_weights()
    np.testing.assert_array_equal(mapped.gradient(w, 1, 0)[0], plain.gradient(w, 1, 0)[0])
    np.testing.assert_array_equal(mapped.full_gradient(w, 1), plain.full_gradient(w, 1))
    assert mapped.evaluate(w)[:2] == plain.evaluate(w)[:2]


def test_devices_that_are_not_there_are_refused():
    for name in ("tpu", "cuda:x", "cuda:", "cpu:0"):
        with pytest.raises(UserError, match="--device must be cpu, cuda or cuda:N"):
            problem(device=name)
    absent = "cuda" if not torch.cuda.is_available() else "cuda:99"
    with pytest.raises(UserError, match="--device"):
        problem(device=absent)
