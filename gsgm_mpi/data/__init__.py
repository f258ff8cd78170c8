"""Data sets: their names, a converted copy of them for all ranks, and how samples are dealt.

Importing this needs numpy alone; torchvision, Pillow and scikit-learn are imported when a data set
that needs them is converted.
"""

from gsgm_mpi.data.cache import default_cache_dir, load, prepare
from gsgm_mpi.data.catalog import ABOUT, FACTS, DataSpec, Facts, parse
from gsgm_mpi.data.download import DownloadError
from gsgm_mpi.data.images import Images, hold_out
from gsgm_mpi.data.partitions import (
    PARTITIONS,
    label_counts,
    parse_partition,
    partition_hash,
    split,
)

__all__ = [
    "ABOUT",
    "FACTS",
    "PARTITIONS",
    "DataSpec",
    "DownloadError",
    "Facts",
    "Images",
    "default_cache_dir",
    "hold_out",
    "label_counts",
    "load",
    "parse",
    "parse_partition",
    "partition_hash",
    "prepare",
    "split",
]
