"""What a file itself says of its use, read in a real child, and which uses it denies."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from consent.rules.purposes import ALL_SCOPES, bits_of
from consent.rules.signals import denied, minor
from consentkit.formats import Rejection
from registry.rules.signals import Stated
from service.quarantine import Examined, Quarantine
from tests import drawn
from tests.credentials import mining, plus, signed, xmp

TRAINING = bits_of(["ai_training", "ai_generative_training"])
GENERATIVE = bits_of(["ai_generative_training"])


@pytest.fixture(scope="module")
def quarantine() -> Iterator[Quarantine]:
    with Quarantine() as quarantine:
        yield quarantine


Says = Callable[[bytes], tuple[Stated, ...]]


@pytest.fixture
def says(quarantine: Quarantine, tmp_path: Path) -> Says:
    def says(file: bytes) -> tuple[Stated, ...]:
        path = tmp_path / "image"
        path.write_bytes(file)
        found = quarantine.examine(path)
        assert isinstance(found, Examined), found
        return found.stated

    return says


MINING = {
    "DMI-UNSPECIFIED": 0,
    "DMI-ALLOWED": 0,
    "DMI-PROHIBITED-AIMLTRAINING": TRAINING,
    "DMI-PROHIBITED-GENAIMLTRAINING": GENERATIVE,
    "DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING": ALL_SCOPES,
    "DMI-PROHIBITED": ALL_SCOPES,
    "DMI-PROHIBITED-SEECONSTRAINT": ALL_SCOPES,
    "DMI-PROHIBITED-SEEEMBEDDEDRIGHTSEXPR": ALL_SCOPES,
    "DMI-PROHIBITED-SEELINKEDRIGHTSEXPR": ALL_SCOPES,
    "DMI-OF-2031": ALL_SCOPES,
}


@pytest.mark.parametrize(("code", "bits"), MINING.items())
def test_data_mining_is_denied_as_the_code_says_and_wholly_where_nobody_knows_it(
    says: Says, code: str, bits: int
) -> None:
    stated = says(drawn.jpeg(xmp=plus("DataMining", code)))
    assert stated == (Stated("plus:DataMining", code),)
    assert denied(stated) == bits


FORMS = {
    "an element": plus("DataMining", "DMI-PROHIBITED"),
    "an attribute": xmp(attributes='plus:DataMining="http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED"'),
    "a resource": xmp('<plus:DataMining rdf:resource="http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED"/>'),
    "a list": xmp("<plus:DataMining><rdf:Bag><rdf:li>DMI-PROHIBITED</rdf:li></rdf:Bag></plus:DataMining>"),
    "UTF-16": plus("DataMining", "DMI-PROHIBITED").decode().encode("utf-16"),
    "zeros behind it": plus("DataMining", "DMI-PROHIBITED") + bytes(7),
}


@pytest.mark.parametrize("packet", FORMS.values(), ids=FORMS.keys())
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_every_form_of_a_property_is_read_in_every_format(says: Says, form: str, packet: bytes) -> None:
    if form == "PNG":
        text = b"XML:com.adobe.xmp\0\0\0\0\0" + packet
        file = drawn.png()
        file = file[:-12] + drawn.chunk(b"iTXt", text) + file[-12:]
    else:
        file = drawn.file(drawn.portrait(), form, xmp=packet)
    if form == "PNG" and packet.startswith(b"\xff\xfe"):
        return  # iTXt is UTF-8
    assert says(file) == (Stated("plus:DataMining", "DMI-PROHIBITED"),)


def test_extended_packets_are_put_together(says: Says) -> None:
    packet, guid = plus("DataMining", "DMI-PROHIBITED"), b"0" * 32
    half = len(packet) // 2
    parts = [(half, packet[half:]), (0, packet[:half])]
    segments = b"".join(
        drawn.segment(
            0xE1,
            b"http://ns.adobe.com/xmp/extension/\0" + guid + len(packet).to_bytes(4) + offset.to_bytes(4) + part,
        )
        for offset, part in parts
    )
    assert says(drawn.with_segment(drawn.jpeg(), segments)) == (Stated("plus:DataMining", "DMI-PROHIBITED"),)


def test_two_packets_are_both_read(says: Says) -> None:
    file = drawn.jpeg(xmp=plus("DataMining", "DMI-ALLOWED"))
    other = drawn.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + plus("DataMining", "DMI-PROHIBITED"))
    for both in (drawn.with_segment(file, other),):
        assert denied(says(both)) == ALL_SCOPES


@pytest.mark.parametrize(
    ("packet", "under_age"),
    [
        (plus("MinorModelAgeDisclosure", "AG-A17"), True),
        (plus("MinorModelAgeDisclosure", "AG-U14"), True),
        (
            xmp(
                "<Iptc4xmpExt:ModelAge><rdf:Bag><rdf:li>31</rdf:li><rdf:li>9</rdf:li></rdf:Bag></Iptc4xmpExt:ModelAge>"
            ),
            True,
        ),
        (plus("MinorModelAgeDisclosure", "AG-A18"), False),
        (plus("MinorModelAgeDisclosure", "AG-UNK"), False),
        (xmp("<Iptc4xmpExt:ModelAge><rdf:Bag><rdf:li>31</rdf:li></rdf:Bag></Iptc4xmpExt:ModelAge>"), False),
    ],
)
def test_whoever_is_said_to_be_under_age_is_barred_from_every_use(says: Says, packet: bytes, under_age: bool) -> None:
    stated = says(drawn.jpeg(xmp=packet))
    assert minor(stated) is under_age
    assert denied(stated) == (ALL_SCOPES if under_age else 0)


@pytest.mark.parametrize(("code", "bits"), [("MR-UMR", 0), ("MR-NAP", 0), ("MR-NON", 0), ("MR-LMR", ALL_SCOPES)])
def test_a_limited_release_is_constrained(says: Says, code: str, bits: int) -> None:
    assert denied(says(drawn.jpeg(xmp=plus("ModelReleaseStatus", code)))) == bits


def test_how_it_was_made_is_told_and_denies_nothing(says: Says) -> None:
    made = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    packet = xmp(
        f"<Iptc4xmpExt:DigitalSourceType>{made}</Iptc4xmpExt:DigitalSourceType>"
        "<Iptc4xmpExt:AISystemUsed>A &lt;b&gt;system&lt;/b&gt;</Iptc4xmpExt:AISystemUsed>"
    )
    stated = says(drawn.jpeg(xmp=packet))
    assert stated == (
        Stated("Iptc4xmpExt:AISystemUsed", "named"),
        Stated("Iptc4xmpExt:DigitalSourceType", "trainedAlgorithmicMedia"),
    )
    assert denied(stated) == 0


@pytest.mark.parametrize(
    "packet",
    [
        b"<x><plus:DataMining>DMI-ALLOWED",
        b"<!DOCTYPE x [<!ENTITY a 'DMI-ALLOWED'>]><x xmlns:p='http://ns.useplus.org/ldf/xmp/1.0/'><p:DataMining>&a;</p:DataMining></x>",
        plus("DataMining", "<script>")[:-40],
        xmp("<plus:DataMining/>"),
        xmp(f"<plus:DataMining>{'x' * 5000}</plus:DataMining>"),
    ],
    ids=["cut", "entities", "broken", "empty", "endless"],
)
def test_what_is_there_and_cannot_be_read_bars_everything(says: Says, packet: bytes) -> None:
    stated = says(drawn.jpeg(xmp=packet))
    assert [each.value for each in stated] == ["unreadable"]
    assert denied(stated) == ALL_SCOPES


@pytest.mark.parametrize("packet", [b"<broken", xmp("<Iptc4xmpExt:Event>a feast</Iptc4xmpExt:Event>"), b""])
def test_what_says_nothing_of_its_use_denies_nothing(says: Says, packet: bytes) -> None:
    assert says(drawn.jpeg(xmp=packet) if packet else drawn.jpeg()) == ()


@pytest.mark.parametrize("label", ["c2pa.training-mining", "cawg.training-mining"])
@pytest.mark.parametrize("use", ["notAllowed", "constrained"])
@pytest.mark.parametrize("entry", ["data_mining", "ai_training", "ai_generative_training", "ai_inference"])
def test_content_credentials_deny_what_they_name(says: Says, label: str, use: str, entry: str) -> None:
    stated = says(signed(drawn.jpeg(), "image/jpeg", mining(label, **{entry: use})))
    assert stated == (Stated(f"{label.partition('.')[0]}.{entry}", use),)
    assert denied(stated) == bits_of([entry])


@pytest.mark.parametrize(("media_type", "form"), [("image/png", "PNG"), ("image/webp", "WEBP")])
def test_content_credentials_are_read_in_every_format(says: Says, media_type: str, form: str) -> None:
    file = signed(
        drawn.file(drawn.portrait(), form), media_type, mining(ai_training="notAllowed", data_mining="allowed")
    )
    stated = says(file)
    assert stated == (Stated("cawg.ai_training", "notAllowed"), Stated("cawg.data_mining", "allowed"))
    assert denied(stated) == bits_of(["ai_training"])


def test_metadata_in_a_manifest_are_read(says: Says) -> None:
    data = {"@context": {"plus": "http://ns.useplus.org/ldf/xmp/1.0/"}, "plus:DataMining": "DMI-PROHIBITED"}
    assert denied(says(signed(drawn.jpeg(), "image/jpeg", {"label": "cawg.metadata", "data": data}))) == ALL_SCOPES


def test_a_later_manifest_frees_nothing_by_its_silence(says: Says) -> None:
    first = signed(drawn.jpeg(), "image/jpeg", mining(ai_training="notAllowed"))
    assert denied(says(signed(first, "image/jpeg", parent=first))) == bits_of(["ai_training"])


def test_a_manifest_that_was_tampered_with_still_counts(says: Says) -> None:
    file = signed(drawn.jpeg(), "image/jpeg", mining(ai_training="notAllowed"))
    end = len(file) - 500
    assert denied(says(file[:end] + bytes([file[end] ^ 8]) + file[end + 1 :])) & bits_of(["ai_training"])


def test_a_broken_manifest_bars_everything(says: Says) -> None:
    file = signed(drawn.jpeg(), "image/jpeg", mining(ai_training="allowed"))
    at = file.index(b"cawg.training-mining") - 8
    broken = says(file[:at] + b"\xff" * 4 + file[at + 4 :])
    assert denied(broken) == ALL_SCOPES


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_noise_in_what_is_stated_stops_nothing(quarantine: Quarantine, tmp_path: Path, form: str) -> None:
    sound = signed(
        drawn.file(drawn.portrait(size=(96, 120)), form, xmp=plus("DataMining", "DMI-PROHIBITED")),
        f"image/{form.lower()}",
        mining(ai_training="notAllowed"),
    )
    path = tmp_path / "mutated"
    for file in drawn.mutated(sound, 40):
        path.write_bytes(file)
        assert isinstance(quarantine.examine(path), Examined | Rejection)
