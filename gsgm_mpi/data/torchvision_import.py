"""The one door to torchvision: its import fails beside a CPU build of torch, and is mended here."""

from __future__ import annotations

from types import ModuleType

# A torch.library.Library takes its declarations back when it is collected.
_declared: list[object] = []


def import_torchvision() -> ModuleType:
    """Imports torchvision (slow: it brings torch) and returns it, with ``torchvision.datasets``.

    torchvision's usual wheel is built for CUDA. Beside a CPU build of torch its compiled operators
    do not load, and then the import itself fails, as it registers Python versions of operators that
    do not exist. Nothing here uses these operators (non-maximum suppression of boxes), so declaring
    their names is enough. Where the plain import works, nothing is declared.
    """
    try:
        import torchvision.datasets
    except RuntimeError as error:
        if "operator torchvision::nms does not exist" not in str(error):
            raise
        _declare_operators()
        import torchvision.datasets
    return torchvision


def _declare_operators() -> None:
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _declared.append(library)
