"""Asks a consent registry which face images may be used, and proves the answers."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from consentkit.registry import Registry as Registry
    from consentkit.sources.batches import Scope as Scope

__version__: Final = "0.1.0"

_LAZY: Final = {"Registry": "consentkit.registry", "Scope": "consentkit.sources.batches"}
_FILTER: Final = ("numpy", "pyarrow")


def __getattr__(name: str) -> Any:
    """`Registry` and `Scope` are loaded when asked for: the formats need neither the network nor NumPy.

    Raises ImportError without the extra `filter`.
    """
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(_LAZY[name]), name)
    except ModuleNotFoundError as error:
        if error.name not in _FILTER:
            raise
        raise ImportError(f"{name} needs {error.name}: pip install 'consentkit[filter]'", name=error.name) from error
