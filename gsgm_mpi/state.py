"""The state of an object as a flat dict of arrays and Python numbers, and back.

Every attribute that can change is packed, so no method can forget one. Constants are recognised by their types (tuples,
texts, None), work space by its name, which begins with ``_scratch``. What an attribute is after construction says how
it is read back, so the two sides must be constructed alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


class Stateful:
    """An object whose attributes are numbers, arrays, containers of learners' numbers, or such objects again."""

    def state(self) -> dict[str, Any]:
        """Everything that decides the future; arrays are copies."""
        packed: dict[str, Any] = {}
        for name, value in self._changing():
            match value:
                case bool() | int() | float():
                    packed[name] = value
                case np.ndarray():
                    packed[name] = value.copy()
                case set():
                    packed[name] = np.array(sorted(value), dtype=np.int64)
                case list():
                    assert all(type(x) is int for x in value), f"{type(self).__name__}.{name}: lists hold whole numbers"
                    packed[name] = np.array(value, dtype=np.int64)
                case dict():
                    packed[f"{name}.k"] = np.array(list(value), dtype=np.int64)
                    packed[f"{name}.x"] = np.array(list(value.values()))
                case Stateful():
                    packed |= {f"{name}.{inner}": x for inner, x in value.state().items()}
                case _:
                    raise AssertionError(f"{type(self).__name__}.{name}: a state cannot hold a {type(value).__name__}")
        return packed

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up a state that :meth:`state` gave."""
        for name, value in self._changing():
            match value:
                case bool() | int() | float():
                    setattr(self, name, type(value)(state[name]))
                case np.ndarray():
                    setattr(self, name, state[name].copy())
                case set() | list():
                    setattr(self, name, type(value)(state[name].tolist()))
                case dict():
                    rows = state[f"{name}.x"]
                    # Vectors are rows of a matrix; what a learner has one number of is a plain list.
                    items = [row.copy() for row in rows] if rows.ndim > 1 else rows.tolist()
                    setattr(self, name, dict(zip(state[f"{name}.k"].tolist(), items, strict=True)))
                case Stateful():
                    value.restore(below(f"{name}.", state))

    def _changing(self) -> list[tuple[str, Any]]:
        constant = (type(None), str, tuple)
        return [
            (name, value)
            for name, value in vars(self).items()
            if not isinstance(value, constant) and not name.startswith("_scratch")
        ]


def below(prefix: str, state: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of a flat state whose names begin so, without it."""
    return {key.removeprefix(prefix): x for key, x in state.items() if key.startswith(prefix)}
