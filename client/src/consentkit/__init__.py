"""Asks a consent registry which face images may be used, and proves the answers."""

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from consentkit.registry import Registry as Registry
    from consentkit.sources.batches import Scope as Scope

__version__: Final = "0.1.0"


def __getattr__(name: str) -> Any:
    """`Registry` and `Scope` are loaded when asked for: the formats need neither the network nor NumPy."""
    if name == "Registry":
        from consentkit.registry import Registry

        return Registry
    if name == "Scope":
        from consentkit.sources.batches import Scope

        return Scope
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
