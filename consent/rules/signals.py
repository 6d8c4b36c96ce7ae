"""Which uses a file's own words deny, whoever brought it.

Sources: PLUS LDF vocabulary (Data Mining, Model Releases, Minor Model Age Disclosure), IPTC Photo Metadata 2025.1, C2PA
2.x and CAWG 1.x (training and data mining assertion). *Constrained* counts as not allowed; a value that is not known
bars everything until a steward has looked; nothing said is nothing denied.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from consent.rules.purposes import ALL_SCOPES, bits_of
from consentkit.scopes import PURPOSES
from registry.rules.signals import Stated

ADULT: Final = 18

_TRAINING: Final = ("ai_training", "ai_generative_training")
_DATA_MINING: Final[Mapping[str, tuple[str, ...]]] = {
    "DMI-UNSPECIFIED": (),
    "DMI-ALLOWED": (),
    "DMI-PROHIBITED-AIMLTRAINING": _TRAINING,
    "DMI-PROHIBITED-GENAIMLTRAINING": ("ai_generative_training",),
}
_RELEASES: Final = frozenset({"MR-NON", "MR-NAP", "MR-UMR"})  # the person shown speaks here; MR-LMR is constrained
_GROWN: Final = frozenset({"AG-UNK", *(f"AG-A{age}" for age in range(ADULT, 26))})
_ENTRIES: Final[Mapping[str, str]] = {
    "data_mining": "data_mining",
    "ai_training": "ai_training",
    "ai_generative_training": "ai_generative_training",
    "ai_inference": "ai_inference",
}
_TOLD_ONLY: Final = frozenset({"Iptc4xmpExt:DigitalSourceType", "Iptc4xmpExt:AISystemUsed"})


def denied(stated: Iterable[Stated]) -> int:
    """Bits by scope."""
    found = 0
    for each in stated:
        found |= _denied(each)
    return found


def minor(stated: Iterable[Stated]) -> bool:
    """Whether the file says that somebody shown is under age."""
    return any(_is_minor(each) for each in stated)


def _denied(stated: Stated) -> int:
    name, value = stated.name, stated.value
    if name in _TOLD_ONLY:
        return 0
    if name == "plus:DataMining":
        return bits_of(_DATA_MINING.get(value, PURPOSES))
    if name == "plus:ModelReleaseStatus":
        return 0 if value in _RELEASES else ALL_SCOPES
    if name in ("plus:MinorModelAgeDisclosure", "Iptc4xmpExt:ModelAge"):
        return 0 if _is_grown(stated) else ALL_SCOPES
    family, _, entry = name.partition(".")
    if family in ("c2pa", "cawg") and entry in _ENTRIES:
        return 0 if value == "allowed" else bits_of([_ENTRIES[entry]])
    return ALL_SCOPES


def _is_grown(stated: Stated) -> bool:
    if stated.name == "plus:MinorModelAgeDisclosure":
        return stated.value in _GROWN
    return stated.value.isascii() and stated.value.isdecimal() and int(stated.value) >= ADULT


def _is_minor(stated: Stated) -> bool:
    aged = stated.name in ("plus:MinorModelAgeDisclosure", "Iptc4xmpExt:ModelAge")
    return aged and stated.value != "unreadable" and not _is_grown(stated)
