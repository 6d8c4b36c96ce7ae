"""Checkpoints: the signed size and root of a log (c2sp.org/tlog-checkpoint)."""

from dataclasses import dataclass
from typing import Self

from consentkit.canonical import from_base64, from_decimal, to_base64
from consentkit.errors import BadProof, Malformed
from consentkit.merkle import EMPTY_ROOT, HASH_BYTES
from consentkit.notes import Signer, Verifier, open_note


@dataclass(frozen=True)
class Checkpoint:
    """A log's name, how many entries it has, and their root hash (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The note's text: three lines."""
        return f"{self.origin}\n{self.size}\n{to_base64(self.root)}\n"

    @classmethod
    def parse_text(cls, text: str) -> Self:
        """From exactly three lines. Extension lines are refused: our logs write none, and none is audited."""
        lines = text.split("\n")
        if len(lines) != 4 or lines[0] == "" or lines[3] != "":
            raise Malformed("a checkpoint has three lines")
        checkpoint = cls(lines[0], from_decimal(lines[1]), from_base64(lines[2]))
        if len(checkpoint.root) != HASH_BYTES:
            raise Malformed(f"a root hash has {HASH_BYTES} bytes")
        if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
            raise Malformed("not the root of an empty log")
        return checkpoint


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> str:
    """The checkpoint as a note. Law 7: whoever calls this answers for never signing two that do not agree."""
    return signer.sign(checkpoint.text())


def open_checkpoint(note: str | bytes, verifier: Verifier) -> Checkpoint:
    """The checkpoint of a note signed by the log that the verifier names. Raises Malformed or BadProof."""
    checkpoint = Checkpoint.parse_text(open_note(note, verifier))
    if checkpoint.origin != verifier.name:
        raise BadProof(f"a checkpoint of {checkpoint.origin}, not of {verifier.name}")
    return checkpoint
