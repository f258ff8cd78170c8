"""Checkpoints of a running run: when one is due, what is in it, and taking one up again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from gsgm_mpi.plan import EveryEpochs
from gsgm_mpi.results import checkpoint
from gsgm_mpi.state import below


class Savable(Protocol):
    """A part of a run that has a state."""

    def state(self) -> dict[str, Any]:
        """Arrays and numbers by name."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up such a state."""


class Saver:
    """Writes checkpoints.

    Args:
        output: the results file.
        every: epochs from one checkpoint to the next; 0: none but the last.
        identity: of the run, what a later one must agree with to go on from here.
        elapsed: seconds since the run began.
        facts: what else is to be known of the run when it goes on; texts.
        complain: says what went wrong.
    """

    def __init__(
        self,
        output: Path,
        every: int,
        identity: Mapping[str, Any],
        elapsed: Callable[[], float],
        facts: Mapping[str, str],
        complain: Callable[[str], None],
    ) -> None:
        self._output = output
        self._every = EveryEpochs(every)
        self._identity = json.dumps(dict(identity))
        self._elapsed = elapsed
        self._facts = dict(facts)
        self._complain = complain
        #: Name to part; filled once they exist, in the order in which they are to be restored.
        self.parts: dict[str, Savable] = {}
        #: Gradients used or dropped and epochs complete so far, as the engine has it.
        self.progress: Callable[[], tuple[int, int]] = lambda: (0, 0)

    def due(self, epochs: int) -> bool:
        """Whether one is to be written after so many epochs."""
        return self._every.due(epochs)

    def save(self) -> None:
        """Writes one; where that fails, says so and leaves the old ones."""
        update, epochs = self.progress()
        self._every.saved(epochs)
        own = {"format": checkpoint.FORMAT, "identity": self._identity, "elapsed": self._elapsed(), "epochs": epochs}
        try:
            state = {f"{part}.{name}": x for part, p in self.parts.items() for name, x in p.state().items()}
            checkpoint.save(self._output, update, state | {f"run.{name}": x for name, x in (own | self._facts).items()})
        except (OSError, AssertionError) as error:
            # The latter: a method of the user's own has come to hold what a state cannot.
            self._complain(f"the checkpoint after update {update} could not be written: {error}")

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up a checkpoint."""
        self._every.saved(int(state["run.epochs"]))
        for name, part in self.parts.items():
            part.restore(below(f"{name}.", state))
