"""A small header and some named vectors as one buffer of bytes, and back; vectors that are one object travel once.

Layout: the header's length as int64; the header as JSON, padded to a multiple of 8 bytes; the vectors, float32.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsgm_mpi.learners import Vector


def pack(header: Mapping[str, Any], vectors: Mapping[str, Vector]) -> NDArray[np.uint8]:
    """Puts them together; the header's values are numbers, texts and lists of such, floats come back as they were."""
    distinct = list({id(vector): vector for vector in vectors.values()}.values())
    where = {id(vector): j for j, vector in enumerate(distinct)}
    index = {name: where[id(vector)] for name, vector in vectors.items()}
    text = json.dumps([dict(header), index, [vector.size for vector in distinct]]).encode()
    text += b" " * (-len(text) % 8)
    body = 8 + len(text)
    buffer = np.empty(body + 4 * sum(vector.size for vector in distinct), dtype=np.uint8)
    buffer[:8].view(np.int64)[0] = len(text)
    buffer[8:body] = np.frombuffer(text, dtype=np.uint8)
    at = body
    for vector in distinct:
        buffer[at : at + vector.nbytes] = np.ascontiguousarray(vector).view(np.uint8)
        at += vector.nbytes
    return buffer


def unpack(buffer: NDArray[np.uint8]) -> tuple[dict[str, Any], dict[str, Vector]]:
    """What :func:`pack` put together; the vectors are views of the buffer, those that were one object are one again."""
    body = 8 + int(buffer[:8].view(np.int64)[0])
    header, index, sizes = json.loads(buffer[8:body].tobytes())
    distinct = []
    for size in sizes:
        distinct.append(buffer[body : body + 4 * size].view(np.float32))
        body += 4 * size
    return header, {name: distinct[j] for name, j in index.items()}
