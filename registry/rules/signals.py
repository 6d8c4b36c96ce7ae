"""What a file says of itself and its use, as the decoder reads it: one name and one value a statement."""

from dataclasses import dataclass
from typing import Final

UNREADABLE: Final = "unreadable"
"""The value of what is there and cannot be read."""


@dataclass(frozen=True, order=True)
class Stated:
    """`name`: the property (`plus:DataMining`) or the assertion's entry (`c2pa.ai_training`). `value`: its code
    (`DMI-PROHIBITED`, `notAllowed`), or `unreadable`.
    """

    name: str
    value: str
