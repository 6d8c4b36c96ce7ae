"""How a child ended, in the five bytes that the server sends."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

_FORM: Final = struct.Struct("=i?")
VERDICT_BYTES: Final = _FORM.size


@dataclass(frozen=True)
class Verdict:
    """`code`: the exit code, or minus the signal. `stalled`: the server ended it for taking too long."""

    code: int
    stalled: bool

    def format(self) -> bytes:
        return _FORM.pack(self.code, self.stalled)

    @classmethod
    def parse(cls, said: bytes) -> Verdict:
        return cls(*_FORM.unpack(said))
