"""Options: precedence, presets, and every mistake in one line."""

import tomllib

import pytest

from gsgm_mpi.cli import parse
from gsgm_mpi.errors import UserError


def config(*argv):
    return parse(argv)[0].config


def test_later_sources_win(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text("lr = 0.5\nepochs = 7\nmomentum = 0.25\n")
    c = config("--preset", "paper-lenet", "--config", str(file), "--epochs", "3")
    assert (c.model, c.lr, c.epochs, c.options["momentum"]) == ("lenet", 0.5, 3, 0.25)
    assert c.batch_size == 100


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("paper-mnistnet", ("fashion-mnist", "mnistnet", "sgd", 5e-4, "0.5@75", 100, 100)),
        ("paper-lenet", ("cifar10", "lenet", "sgd", 1e-3, "0.5@50,80", 100, 100)),
        ("paper-convnet", ("cifar100", "convnet", "svrg", 2.5e-3, "0.5@60", 100, 100)),
    ],
)
def test_presets_hold_table_1(preset, expected):
    c = config("--preset", preset)
    assert (c.dataset, c.model, c.algo, c.lr, c.lr_decay, c.epochs, c.batch_size) == expected
    assert (c.partition, c.options["momentum"], c.inner_epochs) == ("sorted", 0.9, 5)


def test_fairness_rule_of_the_presets():
    resolved = parse(["--preset", "paper-mnistnet", "--momentum", "0"]).resolved
    assert resolved.config.lr == pytest.approx(5e-3)
    assert "x10" in resolved.notes[0]
    overridden = parse(["--preset", "paper-mnistnet", "--momentum", "0", "--lr", "0.001"]).resolved
    assert overridden.config.lr == 0.001
    assert not overridden.notes


def test_show_config_can_be_read_back(tmp_path):
    first = config("--preset", "paper-convnet", "--output", 'a"b\\c.h5', "--lr", "1e-7", "--force")
    file = tmp_path / "shown.toml"
    file.write_text(first.to_toml())
    assert config("--config", str(file)) == first
    assert tomllib.loads(first.to_toml())["momentum"] == 0.9


BAD = [
    (["--lr", "-1"], "--lr must be a number > 0, not -1"),
    (["--lr", "nan"], "--lr must be a number > 0, not nan"),
    (["--lr", "0"], "--lr must be"),
    (["--lr", "fast"], "--lr must be a number > 0, not fast"),
    (["--momentum", "1"], r"--momentum must be a number in \[0, 1\), not 1.0"),
    (["--momentum", "-0.1"], "--momentum must be"),
    (["--momentum", "nan"], "--momentum must be"),
    (["--epochs", "0"], "--epochs must be a whole number >= 1, not 0"),
    (["--epochs", "-3"], "--epochs must be"),
    (["--epochs", "1.5"], "--epochs must be"),
    (["--batch-size", "0"], "--batch-size must be"),
    (["--seed", "-1"], "--seed must be"),
    (["--seed", str(2**63)], "--seed must be"),
    (["--preset", ""], "--preset must be"),
    (["--config", ""], "--config must be"),
    (["--validation", "1"], "--validation must be"),
    (["--algo", "sgf"], "--algo must be one of sgd, svrg"),
    (["--method", "gsmg"], "--method must be .* did you mean 'gsgm'"),
    (["--preset", "paper-lent"], "--preset must be .* did you mean 'paper-lenet'"),
    (["--lr-decay", "x"], "--lr-decay must be"),
    (["--epoch", "3"], "unrecognized arguments: --epoch .*did you mean --epochs"),
    (["--epochs"], "argument --epochs: expected one argument"),
    (["--config", "nowhere.toml"], "--config must be a readable file"),
    (["stray"], "unrecognized arguments: stray"),
]


@pytest.mark.parametrize(("argv", "message"), BAD)
def test_mistakes_are_one_line_that_names_the_option(argv, message):
    with pytest.raises(UserError, match=message) as caught:
        parse(argv)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch = 3", "did you mean 'epochs'"),
        ("lr = 'fast'", "--lr must be a number > 0, not fast"),
        ("epochs = 2.5", "--epochs must be"),
        ("force = 1", "--force must be true or false"),
        ("momentum = 2", "--momentum must be"),
        ("lr = ", "valid TOML"),
        ("method = 'gsmg'", "did you mean 'gsgm'"),
        ("method = 0", "--method must be"),
        ("method = []", "--method must be"),
        (f"lr = {10**400}", "--lr must be"),
        ("dataset = 3", "--dataset must be"),
        ("data_dir = 3", "--data-dir must be"),
        ("[lr]\nx = 1", "--lr must be"),
        ("momentum = true", "--momentum must be"),
        ("seed = true", "--seed must be"),
        ("lr_decay = 0.5", "--lr-decay must be"),
    ],
)
def test_mistakes_in_a_file(tmp_path, text, message):
    file = tmp_path / "run.toml"
    file.write_text(text)
    with pytest.raises(UserError, match=message):
        parse(["--config", str(file)])
