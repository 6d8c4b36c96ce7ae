"""Signed notes as c2sp.org/signed-note has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.canonical import from_base64, to_base64
from consentkit.errors import BadSignature, ConsentkitError, Malformed
from consentkit.notes import SIGNATURES, Signer, Verifier, open_note, parse_note

SIGNER = Signer("registry.example/log", bytes(range(32)))
OTHER = Signer("witness.example", bytes(32))
TEXT = "first\n\nthird — é\n"
NOTE = SIGNER.sign(TEXT)
SIGNATURE_LINE = NOTE.removeprefix(TEXT + "\n")

note_letters = st.characters(exclude_categories=["Cs"], exclude_characters=[chr(c) for c in range(32) if c != 10])
texts = st.text(note_letters, max_size=40).map(lambda text: text + "\n")
names = st.text(st.characters(exclude_categories=["Cs", "Zs", "Zl", "Zp", "Cc"], exclude_characters="+"), min_size=1)


def test_a_key_known_elsewhere() -> None:
    """The example key of Go's sumdb/note package, which wrote the format down first."""
    skey = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
    vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    signature = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    note = f"{text}\n— PeterNeumann {signature}\n"
    assert str(Signer.parse(skey).verifier) == vkey
    assert Signer.parse(skey).sign(text) == note
    assert open_note(note, Verifier.parse(vkey)) == text


@given(texts)
def test_what_is_signed_opens(text: str) -> None:
    note = SIGNER.sign(text)
    assert open_note(note, SIGNER.verifier) == text
    assert open_note(note.encode(), SIGNER.verifier) == text


@given(names, st.binary(min_size=32, max_size=32))
def test_keys_round_trip(name: str, seed: bytes) -> None:
    signer = Signer(name, seed)
    assert Signer.parse(signer.encode()) == signer
    assert Verifier.parse(str(signer.verifier)) == signer.verifier


def test_a_fresh_key_signs_and_does_not_show_its_seed() -> None:
    signer = Signer.generate("registry.example")
    assert open_note(signer.sign("x\n"), signer.verifier) == "x\n"
    assert signer != Signer.generate("registry.example")
    assert repr(signer) == "Signer(name='registry.example')"


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u3000b", "a\u2028b", "a\nb", "a\x00b", "a\ud800"])
def test_a_name_that_no_key_may_have(name: str) -> None:
    with pytest.raises(Malformed):
        Signer.generate(name)


VKEY = str(SIGNER.verifier)
KEY_ID = SIGNER.verifier.key_id.hex()
PUBLIC = SIGNER.verifier.public_key


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "registry.example/log",
        f"registry.example/log+{KEY_ID}",
        VKEY + "\n",
        " " + VKEY,
        VKEY.replace(KEY_ID, KEY_ID.upper()),
        VKEY.replace(KEY_ID, "00000000"),
        VKEY.replace("registry", "Registry"),
        f"registry.example/log+{KEY_ID}+{to_base64(bytes([2]) + PUBLIC)}",
        f"registry.example/log+{KEY_ID}+{to_base64(PUBLIC)}",
        f"registry.example/log+{KEY_ID}+{to_base64(bytes([1]) + PUBLIC + bytes(1))}",
        f"+{KEY_ID}+{to_base64(bytes([1]) + PUBLIC)}",
        "PRIVATE+KEY+" + VKEY,
    ],
)
def test_a_verifier_key_of_any_other_form_is_malformed(vkey: str) -> None:
    with pytest.raises(Malformed):
        Verifier.parse(vkey)


@pytest.mark.parametrize(
    "skey",
    ["", VKEY, SIGNER.encode()[1:], SIGNER.encode() + "A", SIGNER.encode().replace(KEY_ID, "00000000")],
)
def test_a_signer_key_of_any_other_form_is_malformed(skey: str) -> None:
    with pytest.raises(Malformed):
        Signer.parse(skey)


@pytest.mark.parametrize("text", ["", "no newline", "tab\t\n", "cr\r\n", "nul\x00\n", "\ud800\n"])
def test_a_text_that_no_note_may_have_is_not_signed(text: str) -> None:
    with pytest.raises(Malformed):
        SIGNER.sign(text)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        TEXT,
        NOTE[:-1],
        NOTE + "\n",
        NOTE + "x\n",
        NOTE.replace("\n", "\r\n"),
        NOTE.replace("third", "th\tird"),
        NOTE.replace("third", "th\ud800ird"),
        TEXT + SIGNATURE_LINE,
        TEXT + "\n",
        NOTE + "— a b\n",
        NOTE + "- witness.example AAAAAAA=\n",
        NOTE + "— witness.example  AAAAAAA=\n",
        NOTE + "— witness.example AAAAAAA= \n",
        NOTE + "— witness.example AAAAAA==\n",
        NOTE + "— witness\u3000example AAAAAAA=\n",
        NOTE + "— wit+ness AAAAAAA=\n",
        NOTE + "— witness.example AAAAAAB=\n",
        NOTE + "— witness.example AAAAAAA=\n" * SIGNATURES,
        "x" * 1_000_001,
        NOTE.encode() + b"\xff\n",
        NOTE.encode("utf-16"),
    ],
)
def test_a_note_of_any_other_form_is_malformed(note: str | bytes) -> None:
    with pytest.raises(Malformed):
        open_note(note, SIGNER.verifier)


def test_lines_by_unknown_keys_are_passed_over() -> None:
    witness = OTHER.sign(TEXT).removeprefix(TEXT + "\n")
    same_name = Signer(SIGNER.name, bytes(32)).sign(TEXT).removeprefix(TEXT + "\n")
    note = f"{TEXT}\n{witness}{same_name}{SIGNATURE_LINE}" + witness * 20
    assert open_note(note, SIGNER.verifier) == TEXT
    assert open_note(note, OTHER.verifier) == TEXT
    assert len(parse_note(note).signatures) == 23


def test_a_note_by_others_only_is_not_signed() -> None:
    with pytest.raises(BadSignature, match="not signed by"):
        open_note(OTHER.sign(TEXT), SIGNER.verifier)


@pytest.mark.parametrize("forged_first", [False, True])
def test_one_false_line_in_our_name_spoils_the_note(forged_first: bool) -> None:
    forged = SIGNER.sign("another text\n").removeprefix("another text\n\n")
    lines = forged + SIGNATURE_LINE if forged_first else SIGNATURE_LINE + forged
    with pytest.raises(BadSignature, match="does not hold"):
        open_note(f"{TEXT}\n{lines}", SIGNER.verifier)


def test_a_short_signature_does_not_hold() -> None:
    line = SIGNATURE_LINE.split(" ")[2].strip()
    short = to_base64(from_base64(line)[:-1])
    with pytest.raises(BadSignature):
        open_note(NOTE.replace(line, short), SIGNER.verifier)


@pytest.mark.parametrize("bit", range(8))
def test_a_note_with_one_bit_changed_never_opens(bit: int) -> None:
    data = NOTE.encode()
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
        with pytest.raises((Malformed, BadSignature)):
            open_note(changed, SIGNER.verifier)


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_junk_is_malformed(note: str | bytes) -> None:
    with pytest.raises(ConsentkitError) as caught:
        open_note(note, SIGNER.verifier)
    assert type(caught.value) in {Malformed, BadSignature}
