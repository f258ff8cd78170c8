"""Every option of a run that does not belong to a method: names, defaults, accepted ranges.

One table serves the command line, the TOML files and ``--show-config``. How the sources are put together:
gsgm_mpi/resolve.py. A method's own options (``--momentum`` ...) come from its constructor, see gsgm_mpi/options.py.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, NamedTuple, get_type_hints

from gsgm_mpi.durations import check_speeds, parse_model, parse_slow
from gsgm_mpi.methods import GATES, Method, compose
from gsgm_mpi.network import parse_outages
from gsgm_mpi.plan import Decay


class Spec(NamedTuple):
    """What one option's flag says of it."""

    help: str
    accepted: str
    ok: Callable[[Any], bool]
    metavar: str | None = None
    choices: tuple[str, ...] = ()


def _option(default: Any, *spec: Any, **more: Any) -> Any:
    return field(default=default, metadata={"spec": Spec(*spec, **more)})


def _choice(default: str, text: str, *choices: str) -> Any:
    accepted = "one of " + ", ".join(choices)
    return _option(default, text, accepted, lambda v: v in choices, choices=choices)


def _switch(text: str) -> Any:
    return _option(False, text, "true or false", lambda _: True)


def _text(default: str | None, text: str, metavar: str) -> Any:
    return _option(default, text, "a non-empty text", lambda v: v is None or bool(v), metavar=metavar)


def _whole(low: int) -> tuple[str, Callable[[Any], bool]]:
    return f"a whole number >= {low}", lambda v: v >= low


def _positive(v: float) -> bool:
    return 0 < v < math.inf


def _not_negative(v: float) -> bool:
    return 0 <= v < math.inf


# These raise errors of their own, which say more.


def _decay_ok(text: str) -> bool:
    Decay.parse(text)
    return True


def _durations_ok(text: str | None) -> bool:
    return text is None or bool(parse_model(text))


def _speeds_ok(text: str) -> bool:
    check_speeds(text)
    return True


def _slow_ok(text: str) -> bool:
    parse_slow(text)
    return True


def _outages_ok(text: str) -> bool:
    parse_outages(text)
    return True


#: Options that say how a run is kept and where its data lies, not what it is.
NO_PART_OF_A_RUN = frozenset(
    ("data_dir", "cache_dir", "download", "output", "force", "checkpoint_every", "resume", "report_every")
)


@dataclass(frozen=True)
class Config:
    """The options of one run. How the defaults were chosen: docs/defaults.md."""

    algo: str = _choice("sgd", "the learners' gradient", "sgd", "svrg")
    method: str = _option("gsgm", "the server's method", "the name of a method", lambda _: True, metavar="NAME")
    gate: str | None = _option(
        None,
        "who may go on, and when, in place of the method's own: " + ", ".join(GATES),
        "one of " + ", ".join(GATES),
        lambda v: v is None or v in GATES,
        choices=tuple(GATES),
    )
    local_momentum: bool = _switch("learners apply momentum themselves (the paper's -LM)")
    dataset: str = _text(
        "digits",
        "digits, mnist, fashion-mnist, cifar10, cifar100, folder:PATH or synthetic:CxHxW:classes:n",
        "NAME",
    )
    data_dir: str | None = _text(None, "where the data set lies; never written to", "DIR")
    cache_dir: str | None = _text(None, "where the converted copy is kept (default: the user's cache folder)", "DIR")
    download: bool = _switch("let rank 0 download a data set that is not there")
    validation: float = _option(
        0.0,
        "hold out this fraction of the training set and evaluate on it instead of the test set",
        "a number in [0, 1)",
        lambda v: 0 <= v < 1,
        metavar="F",
    )
    partition: str = _text("sorted", "sorted, mixed:X, iid, dirichlet:ALPHA or pathological:C", "NAME")
    model: str | None = _text(
        None,
        "mlp, mnistnet, lenet, convnet, torchvision:NAME or path/to/file.py:Factory (default: by data set)",
        "NAME",
    )
    epochs: int = _option(60, "epochs (inner epochs under svrg)", *_whole(1), metavar="N")
    inner_epochs: int = _option(5, "svrg: epochs in an outer loop", *_whole(1), metavar="N")
    batch_size: int = _option(32, "samples in a batch", *_whole(1), metavar="N")
    lr: float | None = _option(
        None,
        "learning rate η (default: 0.002; without momentum 0.02; where a step is a mean or a learner's own, 0.1)",
        "a number > 0",
        lambda v: v is None or _positive(v),
        metavar="X",
    )
    lr_decay: str = _option("", "factor at epochs, e.g. 0.5@50,80", "FACTOR@EPOCH,...", _decay_ok, metavar="F@E,E")
    warmup_epochs: float = _option(
        0.0,
        "epochs over which the rate rises from η/K to η",
        "a number >= 0",
        _not_negative,
        metavar="N",
    )
    weight_decay: float = _option(
        0.0,
        "weight decay, part of every gradient",
        "a number >= 0",
        _not_negative,
        metavar="X",
    )
    weighting: str = _choice(
        "uniform",
        "weight of each learner's gradient: 1 (the paper) or K·n_k/n",
        "uniform",
        "samples",
    )
    budget: str = _choice(
        "handed-out",
        "count gradients handed out to all, or a fixed number for each learner",
        "handed-out",
        "per-learner",
    )
    augment: bool = _switch("random flips and crops of the training images")
    seed: int = _option(
        1, "of every random stream", "a whole number in [0, 2^63)", lambda v: 0 <= v < 2**63, metavar="N"
    )
    device: str = _text("cpu", "torch device of the learners", "NAME")
    memory_format: str = _choice(
        "auto", "layout of images in memory; part of a run's identity", "auto", "channels_last", "contiguous"
    )
    threads: int = _option(1, "threads of each rank", *_whole(1), metavar="N")
    learners: int | None = _option(
        None,
        "K (default: one rank less than there are); under --clock virtual any number on any number of ranks",
        "a whole number >= 1",
        lambda v: v is None or v >= 1,
        metavar="K",
    )
    clock: str | None = _option(
        None,
        "wall: a learner a rank; virtual: modelled durations, the same bits on any number of ranks (default: wall, "
        "without mpiexec virtual)",
        "one of wall, virtual",
        lambda v: v in (None, "wall", "virtual"),
        choices=("wall", "virtual"),
    )
    durations: str | None = _option(
        None,
        "how long a gradient takes: constant, lognormal:S or gamma:SHAPE (virtual: lognormal:0.1 by default); real "
        "learners wait until as long has passed",
        "constant, lognormal:S with S in [0, 10], or gamma:SHAPE with SHAPE >= 0.1",
        _durations_ok,
        metavar="MODEL",
    )
    gradient_time: float = _option(
        0.01,
        "seconds of a gradient in the middle, for --durations",
        "a number in [1e-9, 1e6]",
        lambda v: 1e-9 <= v <= 1e6,
        metavar="S",
    )
    durations_from: str | None = _text(
        None, "virtual: durations of a recorded run, whose data, seed and learners are the defaults then", "FILE"
    )
    speeds: str = _option(
        "",
        "of the learners: one number for each, spread:FACTOR from first to last, lognormal:S or gamma:SHAPE",
        "one number a learner (1,1,0.5), spread:FACTOR with FACTOR >= 1, lognormal:S or gamma:SHAPE",
        _speeds_ok,
        metavar="LIST",
    )
    slow: str = _option(
        "", "stragglers: 3:5 makes learner 3 take 5 times as long", "LEARNER:FACTOR,...", _slow_ok, metavar="K:F,..."
    )
    latency: float = _option(
        0.0, "virtual: seconds that a message takes one way", "a number >= 0", _not_negative, metavar="S"
    )
    bandwidth: float = _option(
        0.0, "virtual: bytes a second of each learner's link; 0: no limit", "a number >= 0", _not_negative, metavar="B"
    )
    server_time: float = _option(
        0.0, "virtual: seconds of the server for each message", "a number >= 0", _not_negative, metavar="S"
    )
    outages: str = _option(
        "",
        "virtual: 3:10-20 has learner 3 away from 10 s to 20 s",
        "LEARNER:FROM-TO,...",
        _outages_ok,
        metavar="K:T-T,...",
    )
    output: str = _text("results.h5", "the results file", "FILE")
    force: bool = _switch("overwrite the results file")
    checkpoint_every: int = _option(
        0, "epochs from one checkpoint to the next; 0: only when stopped by a signal", *_whole(0), metavar="N"
    )
    resume: bool = _switch("go on from the newest checkpoint of --output; from the start where there is none")
    report_every: float = _option(5.0, "seconds between progress lines", "a number > 0", _positive, metavar="S")
    #: The method's own options, by name.
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def method_class(self) -> type[Method]:
        """The class that ``--method`` names, under ``--gate`` and ``--local-momentum``."""
        return compose(self.method, self.gate, local_momentum=self.local_momentum)

    @property
    def label(self) -> str:
        """The method with its gate and local momentum, for people to read."""
        gate = f"+{self.gate}" if self.gate else ""
        return f"{self.method}{gate}{'+local-momentum' if self.local_momentum else ''}"

    def to_dict(self) -> dict[str, Any]:
        """All options in one flat dict, those without a value left out."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "options"}
        return {name: value for name, value in (own | dict(self.options)).items() if value is not None}

    def to_toml(self) -> str:
        """The options as TOML that ``--config`` reads."""
        return "".join(f"{key} = {_toml(value)}\n" for key, value in self.to_dict().items())


@cache
def general_specs() -> dict[str, tuple[type, Any, Spec]]:
    """Name, type, default and description of every option that does not belong to a method."""
    hints = get_type_hints(Config)
    found: dict[str, tuple[type, Any, Spec]] = {}
    for f in fields(Config):
        if "spec" in f.metadata:
            kind = next((t for t in (bool, int, float, str) if hints[f.name] in (t, t | None)), str)
            found[f.name] = (kind, f.default, f.metadata["spec"])
    return found


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)  # JSON's escapes are TOML's
    return repr(value)
