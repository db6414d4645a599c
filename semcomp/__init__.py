"""Semantic image compression: a codec that spends its bits where a picture means something.

The names below are loaded on first use, so that ``import semcomp`` stays cheap and needs no torch.

>>> import semcomp
>>> semcomp.__version__
'0.1.0'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semcomp.pipeline import Compressed, compress, decompress, explain, info

__version__ = "0.1.0"

__all__ = ["Compressed", "__version__", "compress", "decompress", "explain", "info"]


def __getattr__(name: str) -> Any:
    """Import a public name from `semcomp.pipeline` the first time it is asked for (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module("semcomp.pipeline"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
