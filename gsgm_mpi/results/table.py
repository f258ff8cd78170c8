"""A growing table in memory: rows appended one by one, columns read as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsgm_mpi.results.schema import Column


class Table:
    """Rows of fixed columns; appending is cheap on average because the store doubles."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = tuple(columns)
        self._rows = np.empty(256, dtype=[(c.name, c.dtype) for c in columns])
        self._n = 0

    def __len__(self) -> int:
        return self._n

    def append(self, row: tuple[Any, ...]) -> None:
        """Adds a row; values in the order of the columns."""
        if self._n == len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty(max(256, self._n), dtype=self._rows.dtype)])
        self._rows[self._n] = row
        self._n += 1

    def __getitem__(self, name: str) -> NDArray[Any]:
        """One column, shape (rows,)."""
        return self._rows[name][: self._n]

    @property
    def rows(self) -> NDArray[Any]:
        """All rows as a structured array, shape (rows,)."""
        return self._rows[: self._n]

    @rows.setter
    def rows(self, rows: NDArray[Any]) -> None:
        assert rows.dtype == self._rows.dtype
        self._rows, self._n = rows.copy(), len(rows)
