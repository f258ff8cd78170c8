"""Names, types, units and meanings of all that is in a results file; scripts rely on them (docs/results-file.md)."""

from __future__ import annotations

from typing import NamedTuple

SCHEMA_VERSION = 2


class Column(NamedTuple):
    """One data set of a table."""

    name: str
    dtype: str
    units: str
    long_name: str


#: One row per completed epoch; the first column is the dimension scale.
EPOCHS = (
    Column("epoch", "i8", "1", "completed epochs"),
    Column("update", "i8", "1", "gradients used or dropped so far"),
    Column("gradients", "i8", "1", "batch gradients computed so far, full passes included"),
    Column("sent_bytes", "i8", "bytes", "vectors sent so far, both directions"),
    Column("outer", "i8", "1", "loop (outer loop under svrg), from 1"),
    Column("wall_s", "f8", "s", "wall-clock time since the run began"),
    Column("virtual_s", "f8", "s", "virtual time since the run began"),
    Column("test_accuracy", "f8", "1", "fraction of the evaluation set classified correctly"),
    Column("test_loss", "f8", "1", "mean loss over the evaluation set"),
    Column("train_loss", "f8", "1", "mean of the batch losses of this epoch"),
    Column("lr", "f8", "1", "learning rate of the last update"),
)

#: One row a gradient used or dropped.
UPDATES = (
    Column("update", "i8", "1", "gradients used or dropped, this one included"),
    Column("learner", "i4", "1", "learner that computed it"),
    Column("step", "i8", "1", "the learner's own step number, from 0"),
    Column("version", "i8", "1", "changes of w before this one"),
    Column("staleness", "i8", "1", "changes of w since the weights it was taken at were sent"),
    Column("gap", "f4", "1", "root mean square difference of the weights now and as sent"),
    Column("grad_norm", "f4", "1", "Euclidean norm of the gradient"),
    Column("loss", "f4", "1", "loss of the batch"),
    Column("lr", "f8", "1", "learning rate"),
    Column("queued_s", "f8", "s", "time in the wait queue"),
    Column("compute_s", "f8", "s", "time the learner computed"),
    Column("arrival_s", "f8", "s", "arrival at the server since the run began"),
    Column("applied", "u1", "1", "1 used, 0 dropped"),
)

#: One row a learner.
LEARNERS = (
    Column("learner", "i4", "1", "learner"),
    Column("rank", "i4", "1", "MPI rank; 0 where ranks compute for any learner"),
    Column("samples", "i8", "1", "samples in the shard"),
    Column("updates", "i8", "1", "gradients used"),
    Column("dropped", "i8", "1", "gradients dropped"),
    Column("compute_s", "f8", "s", "time spent computing"),
    Column("wait_s", "f8", "s", "time spent waiting for work"),
)

#: One row an event, in server order. Codes of ``event``: :class:`gsgm_mpi.kind.Kind`.
TRACE = (
    Column("index", "i8", "1", "events before this one"),
    Column("event", "u1", "1", "0 message, 1 leave, 2 join, 3 stop, 4 full gradient"),
    Column("learner", "i4", "1", "learner, 0 for none"),
    Column("step", "i8", "1", "the learner's own step number of the message's first gradient"),
    Column("sent_s", "f8", "s", "when the work was handed out, since the run began"),
    Column("seconds", "f8", "s", "computing time as given to the method; duration of a full-gradient phase"),
    Column("wait_s", "f8", "s", "time the learner waited before it began"),
    Column("arrival_s", "f8", "s", "time of the event since the run began"),
    Column("fingerprint", "u8", "1", "sum of the 32-bit words of the message or the full gradient, modulo 2^64"),
)
