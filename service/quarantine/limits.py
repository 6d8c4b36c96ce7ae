"""What one file may cost."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Limits:
    memory: int = 2**30  # bytes of address space beyond what the server itself has
    cpu: int = 10  # seconds of processor time
    wall: float = 15.0  # seconds

    def format(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str) -> Limits:
        return cls(**json.loads(text))
