"""What makes a run the run it is: two with the same identity give the same bits under the virtual clock."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gsgm_mpi.config import NO_PART_OF_A_RUN, Config


def identity(config: Config) -> dict[str, Any]:
    """The settled options that decide what is computed, and a hash of each file of the user's own among them."""
    return _identity(config.to_dict(), sources(config))


def identity_of(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The identity of a recorded run."""
    return _identity(json.loads(provenance["config"]), json.loads(provenance["sources"]))


def digest(config: Config) -> str:
    """12 hex digits that tell configurations apart."""
    return _hash(json.dumps(identity(config), sort_keys=True))[:12]


def sources(config: Config) -> dict[str, str]:
    """The text of the user's own files, by the option that names them; of a recorded run a hash."""
    named = {"method": config.method, "model": config.model or ""}
    files = {option: Path(name.rpartition(":")[0]) for option, name in named.items() if ".py:" in name}
    texts = {option: path.read_text() for option, path in files.items() if path.is_file()}
    recorded = Path(config.durations_from or "")
    if recorded.is_file():
        texts["durations_from"] = "sha256 " + hashlib.sha256(recorded.read_bytes()).hexdigest()
    return texts


def first_difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """The first key, in the order of ``one``, whose values differ; None: there is none."""
    return next((key for key in [*one, *other] if one.get(key) != other.get(key)), None)


def _identity(options: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    own = {name: value for name, value in options.items() if name not in NO_PART_OF_A_RUN}
    return own | {f"{option}_source": _hash(text) for option, text in texts.items()}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
