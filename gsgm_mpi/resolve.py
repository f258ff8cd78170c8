"""From the sources of options to one checked configuration.

A later source wins: default < preset < what a short name stands for < ``--config`` file < flags. The method is looked
up first, because it decides what other options there are.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from gsgm_mpi.config import Config, Spec, general_specs
from gsgm_mpi.errors import UserError, bad_option, unknown_name
from gsgm_mpi.methods import GATES, METHODS, Method, compose, look_up
from gsgm_mpi.options import options_of

PRESETS = Path(__file__).parent / "presets"
#: Keys that only a preset may hold: see :func:`resolve`.
_PRESET_ONLY = "lr_factor_without_momentum"


class Resolved(NamedTuple):
    """A configuration and what the user should be told of how it came about."""

    config: Config
    notes: tuple[str, ...]


class Choice(NamedTuple):
    """The method that all sources together ask for."""

    name: str
    #: Options that a short name stands for.
    implied: dict[str, Any]
    method: type[Method]


def choose(given: Mapping[str, Any]) -> Choice:
    """Looks up the method, which decides what other options there are.

    Args:
        given: options by name, from all sources.

    Raises:
        UserError: an unknown name, or a combination without a meaning.
    """
    named = look_up(given.get("method", "gsgm"))
    general = general_specs()
    gate, local_momentum = (
        _checked(key, {**given, **named.implied}.get(key, general[key][1]), general[key])
        for key in ("gate", "local_momentum")
    )
    return Choice(named.name, named.implied, compose(named.name, gate, local_momentum=local_momentum))


def foreign_option(name: str) -> str:
    """Says whose option this is, where it is one of another method, a gate or local momentum; else nothing."""
    methods = [method.name for method in METHODS.values() if name in _names(method)]
    owners = ["--method " + ", ".join(methods)] if methods else []
    owners += [f"--gate {gate.name}" for gate in GATES.values() if name in {spec.name for spec in options_of(gate)}]
    if name in _names(compose("downpour", None, local_momentum=True)):
        owners.append("--local-momentum")
    elif name in _names(compose("k-avg", None, local_momentum=True)) and not methods:
        owners.append("--local-momentum where learners take steps of their own")
    flag = "--" + name.replace("_", "-")
    return f"{flag} is an option of {' or '.join(owners)}" if owners else ""


def _names(method: type[Method]) -> set[str]:
    return {spec.name for spec in method.options()}


def resolve(
    flags: Mapping[str, Any], preset: str | None, file: str | None, base: Mapping[str, Any] = MappingProxyType({})
) -> Resolved:
    """Puts the sources together and checks every value.

    Args:
        flags: options given on the command line, by name.
        preset: name of a preset, or None.
        file: path of a TOML file, or None.
        base: what takes the place of defaults.

    Raises:
        UserError: unknown preset, unreadable file, unknown key, value out of range, a combination without a meaning.
    """
    from_preset = read_toml(preset_path(preset), "--preset") if preset is not None else {}
    from_file = read_toml(Path(file), "--config") if file is not None else {}
    factor = from_preset.pop(_PRESET_ONLY, 1.0)
    explicit = from_file | dict(flags)
    name, implied, method = choose(from_preset | explicit)
    for key, value in implied.items():
        if explicit.get(key, value) != value:
            flag = "--" + key.replace("_", "-")
            raise UserError(
                f"--method {explicit['method']} means {flag} {value}, not {explicit[key]}; leave {flag} out"
            )
    given = dict(base) | from_preset | implied | explicit | {"method": name}
    own = {spec.name: spec for spec in method.options()}
    general = general_specs()
    for key in explicit:
        if key not in general and key not in own:
            whose = foreign_option(key)
            raise (
                UserError(f"{whose}, not of {name}")
                if whose
                else unknown_name("an option's key", key, [*general, *own])
            )
    options = {key: given.get(key, spec.default) for key, spec in own.items()}
    for key, spec in own.items():
        spec.check(options[key])
    values = {
        key: _checked(key, given.get(key, default), (kind, default, rule))
        for key, (kind, default, rule) in general.items()
    }
    _check_together(method, values)
    if values["lr"] is None:
        values["lr"] = _default_lr(method, options)
    notes = []
    if not options.get("momentum") and "lr" in from_preset and "lr" not in explicit:
        # The paper's fairness rule (section 5.1): ten times the rate, 1/(1 − α), where no momentum is applied.
        values["lr"] *= factor
        notes.append(
            f"preset {preset}: learning rate x{factor:g} = {values['lr']:g} because {method.name} runs without "
            "momentum (--lr overrides)"
        )
    return Resolved(Config(**values, options=options), tuple(notes))


def _default_lr(method: type[Method], options: Mapping[str, Any]) -> float:
    """What suits the default data set (docs/defaults.md)."""
    if method.step == "mean":
        return 0.1
    return 0.002 if options.get("momentum") else 0.02


def _check_together(method: type[Method], values: Mapping[str, Any]) -> None:
    """Refuses combinations without a meaning."""
    if values["algo"] == "svrg" and not method.variance_reduced:
        raise UserError(f"--algo svrg has no meaning under --method {method.name}; use --algo sgd")
    if values["weighting"] == "samples" and method.weighted == "none":
        raise UserError(
            f"--weighting samples has no meaning under --method {method.name}, whose learners pull with their own "
            "weights; use --weighting uniform"
        )
    if values["budget"] == "per-learner" and method.collective:
        raise UserError(
            f"--budget per-learner has no meaning under --method {method.name}, where all learners take the same "
            "number of steps; use --budget handed-out"
        )


def preset_path(name: str) -> Path:
    """The file of a preset, or a :class:`UserError` that suggests the nearest name."""
    presets = {path.stem: path for path in PRESETS.glob("*.toml")}
    if name not in presets:
        raise unknown_name("--preset", name, presets)
    return presets[name]


def read_toml(path: Path, source: str) -> dict[str, Any]:
    """A flat TOML file as a dict."""
    try:
        return tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{source} must be a readable file: {path}: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{source} must be valid TOML: {path}: {error}") from error


def _checked(name: str, value: Any, spec: tuple[type, Any, Spec]) -> Any:
    kind, default, rule = spec
    if value is None and default is None:
        return None
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value) if abs(value) < 2**1023 else math.inf
    if type(value) is not kind or not rule.ok(value):
        fix = f"the default is {default}" if default not in (None, "") else "leave it out for the usual one"
        raise bad_option("--" + name.replace("_", "-"), value, rule.accepted, fix)
    return value
