"""Signed notes (c2sp.org/signed-note), with Ed25519 keys (type 0x01).

Invariants
  * The text of a note is handed out only after a signature by the trusted key has been verified.
  * Lines end at LF and nowhere else; no other control character is allowed.
"""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from consentkit.canonical import from_base64, from_hex, to_base64
from consentkit.errors import BadSignature, Malformed

NOTE_BYTES: Final = 1_000_000
SIGNATURES: Final = 64
"""A note with more bytes or signatures than these is refused unread."""

_ED25519: Final = b"\x01"
_KEY_BYTES: Final = 32
_KEY_ID_BYTES: Final = 4
_PRIVATE: Final = "PRIVATE+KEY+"
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True)
class Verifier:
    """A public key under a name: whom we trust."""

    name: str
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """Four bytes that point at the key; they prove nothing."""
        named = self.name.encode() + b"\n" + _ED25519 + self.public_key
        return hashlib.sha256(named).digest()[:_KEY_ID_BYTES]

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """From `<name>+<key id in hex>+<base64 of type and key>`."""
        name, key_id, key = _parse_key(vkey)
        verifier = cls(name, key)
        if verifier.key_id != key_id:
            raise Malformed("the key's id is not that of its name and bytes")
        return verifier

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{to_base64(_ED25519 + self.public_key)}"

    def verify(self, text: str, signature: bytes) -> None:
        """Raises BadSignature unless this key signed the text."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, text.encode())
        except InvalidSignature as error:  # another text, key or signature
            raise BadSignature(f"the signature by {self.name} does not hold") from error


@dataclass(frozen=True)
class Signer:
    """A private key under a name: its 32-byte seed (RFC 8032)."""

    name: str
    seed: bytes = field(repr=False)

    @classmethod
    def generate(cls, name: str) -> Self:
        """A fresh key."""
        _require_name(name)
        return cls(name, Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def parse(cls, skey: str) -> Self:
        """From `PRIVATE+KEY+<name>+<key id in hex>+<base64 of type and seed>`."""
        if not skey.startswith(_PRIVATE):
            raise Malformed("not a private key")
        name, key_id, seed = _parse_key(skey.removeprefix(_PRIVATE))
        signer = cls(name, seed)
        if signer.verifier.key_id != key_id:
            raise Malformed("the key's id is not that of its name and bytes")
        return signer

    def encode(self) -> str:
        """The form that `parse` reads. Keep it secret."""
        return f"{_PRIVATE}{self.name}+{self.verifier.key_id.hex()}+{to_base64(_ED25519 + self.seed)}"

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        return Verifier(self.name, self._key().public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """The whole note: the text, an empty line, and one signature line."""
        _require_text(text)
        signature = to_base64(self.verifier.key_id + self._key().sign(text.encode()))
        return f"{text}\n— {self.name} {signature}\n"

    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


@dataclass(frozen=True)
class Signature:
    """One signature line: whose key it claims to be by, and the signature's bytes."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True)
class Note:
    """A note taken apart. Nothing in it has been verified."""

    text: str
    signatures: tuple[Signature, ...]


def open_note(note: str | bytes, verifier: Verifier) -> str:
    """The text of a note signed by this key; lines by other keys are passed over.

    Raises Malformed, or BadSignature if this key did not sign it or any line in its name does not hold.
    """
    parsed = parse_note(note)
    key = verifier.name, verifier.key_id
    ours = [line for line in parsed.signatures if (line.name, line.key_id) == key]
    if not ours:
        raise BadSignature(f"not signed by {verifier.name}")
    for line in ours:
        verifier.verify(parsed.text, line.signature)
    return parsed.text


def parse_note(note: str | bytes) -> Note:
    """Text and signature lines, unverified. For those who must count the lines; else use `open_note`."""
    whole = _decoded(note)
    _require_text(whole)
    # The last empty line divides: the text may have empty lines, the signatures may not.
    text, divider, lines = whole[:-1].rpartition("\n\n")
    listed = lines.split("\n")
    if not divider or len(listed) > SIGNATURES:
        raise Malformed("a note needs an empty line, then its signatures")
    return Note(text + "\n", tuple(_parse_signature(line) for line in listed))


def _decoded(note: str | bytes) -> str:
    if len(note) > NOTE_BYTES:
        raise Malformed(f"a note has at most {NOTE_BYTES} bytes")
    if isinstance(note, str):
        return note
    try:
        return note.decode("utf-8")
    except UnicodeDecodeError as error:  # bytes that are not text
        raise Malformed("a note is UTF-8") from error


def _parse_signature(line: str) -> Signature:
    dash, _, rest = line.partition(" ")
    name, _, letters = rest.partition(" ")
    if dash != "—":
        raise Malformed("not a signature line")
    _require_name(name)
    data = from_base64(letters)
    if len(data) <= _KEY_ID_BYTES:
        raise Malformed("a signature line without a signature")
    return Signature(name, data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:])


def _parse_key(text: str) -> tuple[str, bytes, bytes]:
    """Name, key id and the 32 bytes of an Ed25519 key."""
    name, _, rest = text.partition("+")
    key_id, _, letters = rest.partition("+")
    _require_name(name)
    data = from_base64(letters)
    if data[:1] != _ED25519 or len(data) != 1 + _KEY_BYTES:
        raise Malformed("not an Ed25519 key")
    return name, from_hex(key_id, size=_KEY_ID_BYTES), data[1:]


def _require_name(name: str) -> None:
    _require_unicode(name)
    if not name or "+" in name or _CONTROL.search(name) or any(letter.isspace() for letter in name):
        raise Malformed("a key's name has no spaces, plus signs or control characters")


def _require_text(text: str) -> None:
    _require_unicode(text)
    if not text.endswith("\n") or _CONTROL.search(text):
        raise Malformed("a note's text ends in a newline and has no other control characters")


def _require_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:  # half of a surrogate pair
        raise Malformed("text that UTF-8 cannot hold") from error
