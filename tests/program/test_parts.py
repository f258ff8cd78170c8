"""From options to the parts of a run, and the start-up summary."""

import numpy as np
import pytest

from gsgm_mpi import data
from gsgm_mpi.cli import parse
from gsgm_mpi.cluster import settle
from gsgm_mpi.errors import UserError
from gsgm_mpi.program.parts import build, prepare
from gsgm_mpi.program.summary import describe

SMALL = ("--dataset", "synthetic:1x8x8:4:200")


@pytest.fixture
def config(tmp_path):
    def make(*argv):
        return parse([*SMALL, "--cache-dir", str(tmp_path), *argv])[0].config

    return make


def silent(text):
    del text


def test_every_rank_builds_the_same_parts(config):
    one, two = (build(config("--partition", "dirichlet:0.5"), 5, silent) for _ in range(2))
    for a, b in zip(one.shards, two.shards, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(one.problem.initial_weights(), two.problem.initial_weights())
    w = one.problem.initial_weights()
    np.testing.assert_array_equal(one.problem.gradient(w, 3, 7)[0], two.problem.gradient(w, 3, 7)[0])


def test_the_seed_changes_the_weights_and_the_batches(config):
    one, two = (build(config("--seed", seed), 2, silent) for seed in ("1", "2"))
    assert not np.array_equal(one.problem.initial_weights(), two.problem.initial_weights())


def source(cache_dir):
    return {
        "spec": SMALL[1],
        "data_dir": None,
        "cache_dir": cache_dir,
        "download": False,
        "seed": 1,
        "say": silent,
    }


def test_held_out_samples_are_never_trained_on(config, tmp_path):
    parts = build(config("--validation", "0.25", "--partition", "iid"), 3, silent)
    labels = data.load(data.prepare(**source(tmp_path))).train_y
    trained, held = data.hold_out(labels, 0.25, 1)
    assert sorted(np.concatenate(parts.shards)) == trained.tolist()
    # Of the test set's 40 samples and the 48 held out, the latter are scored.
    correct = parts.problem.evaluate(parts.problem.initial_weights()).accuracy * len(held)
    assert correct == pytest.approx(round(correct))
    assert len(held) == 48
    whole = build(config("--partition", "iid"), 3, silent)
    assert sum(map(len, whole.shards)) == 200


def test_weights_by_samples_multiply_the_gradients(config):
    options = ("--partition", "dirichlet:0.3")
    plain = build(config(*options), 3, silent)
    weighted = build(config(*options, "--weighting", "samples"), 3, silent)
    w = plain.problem.initial_weights()
    for k in (1, 2, 3):
        expected = plain.problem.gradient(w, k, 0)[0] * np.float32(3 * len(plain.shards[k - 1]) / 200)
        np.testing.assert_allclose(weighted.problem.gradient(w, k, 0)[0], expected, rtol=1e-5, atol=1e-8)


def test_svrg_makes_outer_loops(config):
    plan = build(config("--algo", "svrg", "--epochs", "7", "--inner-epochs", "3"), 2, silent).plan
    assert [plan.loop_epochs(j) for j in range(plan.loops)] == [3, 3, 1]
    assert build(config("--epochs", "7"), 2, silent).plan.loops == 1


@pytest.mark.parametrize(
    ("argv", "learners", "message"),
    [
        ((), 201, "201 learners|learners.*200|200 .*samples"),
        (("--partition", "sortd"), 2, "--partition must be .*sorted"),
        (("--model", "lenett"), 2, "--model must be .* did you mean 'lenet'"),
        (("--dataset", "digit"), 2, "--dataset must be .*digits"),
        (("--device", "cuda:99"), 2, "--device"),
    ],
)
def test_what_does_not_fit_is_refused(config, argv, learners, message):
    with pytest.raises(UserError, match=message) as caught:
        prepare(settle(config(*argv), learners + 1))
    assert "\n" not in str(caught.value)


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    config = parse([*SMALL, "--cache-dir", str(blocked / "cache")])[0].config
    with pytest.raises(UserError, match="--cache-dir"):
        build(config, 2, silent)


def test_the_summary_tells_what_will_run(config):
    lines = describe(
        build(settle(config("--batch-size", "60", "--algo", "svrg"), 5), 4, silent), ["n1", "n1", "n2", "n2", "n2"]
    )
    text = "\n".join(lines)
    assert "method gsgm (momentum 0.9" in text
    assert "model mlp with d = 4,420 parameters" in text
    assert "data synthetic:1x8x8:4:200: 200 training samples, partition sorted, 50 a learner" in text
    assert "budget: 60 epochs of 4 updates in 12 outer loops, 240 in all" in text
    assert "ranks: 1 server and 4 learners on 2 hosts: n1 (2), n2 (3)" in text
    assert "note: all learners hold fewer than 60 samples: their batch is the whole shard" in text
