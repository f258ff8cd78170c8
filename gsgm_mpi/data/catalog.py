"""The data sets by name: what ``--dataset`` accepts, and the facts known before a file is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gsgm_mpi.errors import UserError, bad_option, unknown_name

_TEN_DIGITS = tuple("0123456789")
_FASHION = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
_CIFAR10 = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
_CIFAR100 = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle",
    "bottle", "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle",
    "caterpillar", "cattle", "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch",
    "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish", "forest", "fox",
    "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion",
    "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom",
    "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree",
    "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road",
    "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake",
    "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank",
    "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle",
    "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
)  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """What is known of a data set.

    Attributes:
        name: as in ``--dataset``.
        shape: (C, H, W) of one image.
        classes: the classes' names; label ``i`` is ``classes[i]``.
        mean: per channel, of the training pixels in [0, 1]; empty where it is measured while the
            set is converted.
        std: as ``mean``.
    """

    name: str
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


#: Data sets of fixed content. The means and deviations are those in common use, so that results
#: compare with the literature; those of digits are measured on all of its 1797 samples.
FACTS = {
    facts.name: facts
    for facts in (
        Facts("digits", (1, 8, 8), _TEN_DIGITS, (0.3053,), (0.3759,)),
        Facts("mnist", (1, 28, 28), _TEN_DIGITS, (0.1307,), (0.3081,)),
        Facts("fashion-mnist", (1, 28, 28), _FASHION, (0.1307,), (0.3081,)),
        Facts("cifar10", (3, 32, 32), _CIFAR10, (0.5,) * 3, (0.5,) * 3),
        Facts("cifar100", (3, 32, 32), _CIFAR100, (0.5,) * 3, (0.5,) * 3),
    )
}

#: One line for each form that ``--dataset`` accepts.
ABOUT = {
    "digits": "1x8x8, 10 classes, 1,442 + 355 samples; comes with scikit-learn",
    "mnist": "1x28x28, 10 classes, 60,000 + 10,000 samples; download or --data-dir",
    "fashion-mnist": "1x28x28, 10 classes, 60,000 + 10,000 samples; download or --data-dir",
    "cifar10": "3x32x32, 10 classes, 50,000 + 10,000 samples; download or --data-dir",
    "cifar100": "3x32x32, 100 classes, 50,000 + 10,000 samples; download or --data-dir",
    "folder:PATH": "your images: PATH/train/CLASS/* and PATH/test/CLASS/*, all of one size",
    "synthetic:CxHxW:classes:n": "generated from the seed; n training samples, n/5 test samples",
}


@dataclass(frozen=True)
class DataSpec:
    """A parsed ``--dataset``.

    Attributes:
        kind: a key of :data:`FACTS`, ``folder`` or ``synthetic``.
        name: the whole, in its one canonical spelling.
        facts: None for ``folder``, whose images tell.
        path: of ``folder``, absolute; else None.
        samples: training samples of ``synthetic``; else 0.
    """

    kind: str
    name: str
    facts: Facts | None = None
    path: Path | None = None
    samples: int = 0


def parse(spec: str) -> DataSpec:
    """Parses the value of ``--dataset``; looks at no file.

    Raises:
        UserError: for a name that is not known or a malformed ``folder:`` or ``synthetic:``.
    """
    kind, colon, rest = spec.partition(":")
    if kind == "folder":
        if not rest:
            raise _malformed(spec, "folder:PATH", "use for instance --dataset folder:my/images")
        path = Path(rest).expanduser().resolve()
        return DataSpec(kind, f"folder:{path}", path=path)
    if kind == "synthetic":
        return _synthetic(spec, rest)
    if kind in FACTS:
        if colon:
            raise _malformed(spec, f"{kind} alone", f"use --dataset {kind}")
        return DataSpec(kind, kind, FACTS[kind])
    raise unknown_name("--dataset", kind, [*FACTS, "folder", "synthetic"])


def _synthetic(spec: str, rest: str) -> DataSpec:
    form = "synthetic:CxHxW:classes:n with C, H, W >= 1, classes >= 2 and n >= classes"
    try:
        shape_text, classes_text, n_text = rest.split(":")
        channels, height, width = (int(side) for side in shape_text.split("x"))
        classes, n = int(classes_text), int(n_text)
    except ValueError:
        classes = n = channels = height = width = 0
    if min(channels, height, width) < 1 or classes < 2 or n < classes:
        raise _malformed(spec, form, "use for instance --dataset synthetic:1x8x8:10:1000")
    name = f"synthetic:{channels}x{height}x{width}:{classes}:{n}"
    facts = Facts(name, (channels, height, width), tuple(str(c) for c in range(classes)))
    return DataSpec("synthetic", name, facts, samples=n)


def _malformed(spec: str, form: str, fix: str) -> UserError:
    return bad_option("--dataset", repr(spec), f"of the form {form}", fix)
