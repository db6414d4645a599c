"""Semantic image compression: a codec that spends its bits where a picture means something.

The names below are loaded on first use, so that ``import semcomp`` stays cheap and needs no torch.

>>> import semcomp
>>> semcomp.__version__
'0.2.0'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .explanation import explain
    from .pipeline import Compressed, compress, decompress, info
    from .semantics.subjects import analyse

__version__ = "0.2.0"

__all__ = ["Compressed", "__version__", "analyse", "compress", "decompress", "explain", "info"]

_MODULES = {
    "Compressed": "pipeline",
    "analyse": "semantics.subjects",
    "compress": "pipeline",
    "decompress": "pipeline",
    "explain": "explanation",
    "info": "pipeline",
}


def __getattr__(name: str) -> Any:
    """Import a public name from the module that defines it when first asked for (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"semcomp.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
