"""What a picture file itself says of its use: PLUS and IPTC fields in XMP, and Content Credentials (C2PA, CAWG).

Runs in the child only, with the ecosystem's own readers. Which uses a statement bars is not decided here. XMP lies
where anybody may write, and a manifest is believed whoever signed it: both can only take away.
"""

import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError

import c2pa
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from PIL import Image

from consentkit.formats import MediaType
from registry.rules.signals import UNREADABLE, Stated
from service.quarantine.findings import MOST, VALUE
from service.quarantine.xmp import packets

_PLUS: Final = "http://ns.useplus.org/ldf/xmp/1.0/"
_IPTC: Final = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_PROPERTIES: Final[Mapping[str, str]] = {
    f"{{{_PLUS}}}DataMining": "plus:DataMining",
    f"{{{_PLUS}}}ModelReleaseStatus": "plus:ModelReleaseStatus",
    f"{{{_PLUS}}}MinorModelAgeDisclosure": "plus:MinorModelAgeDisclosure",
    f"{{{_IPTC}}}ModelAge": "Iptc4xmpExt:ModelAge",
    f"{{{_IPTC}}}DigitalSourceType": "Iptc4xmpExt:DigitalSourceType",
    f"{{{_IPTC}}}AISystemUsed": "Iptc4xmpExt:AISystemUsed",
}
_NAMES: Final = frozenset(_PROPERTIES.values())
_NAMED_ONLY: Final = frozenset({"Iptc4xmpExt:AISystemUsed"})  # free text, of which only the presence is kept
# Looked for in a broken packet. Made here, since the child can load no codec any more.
_SPEAKS: Final = tuple(
    word.encode(code)
    for word in ("DataMining", "ModelReleaseStatus", "ModelAge")
    for code in ("utf-8", "utf-16-le", "utf-16-be")
)
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff")
_ASSERTION: Final = re.compile(r"(c2pa|cawg)\.training-mining(\.v\d+)?")
_METADATA: Final = frozenset({"stds.iptc", "stds.iptc.photo-metadata", "c2pa.metadata", "cawg.metadata"})
_ENTRY: Final = re.compile(r"(?:c2pa|cawg)\.(data_mining|ai_training|ai_generative_training|ai_inference)")


def rights(file: bytes, image: Image.Image, media_type: MediaType) -> tuple[Stated, ...]:
    """What is stated, once each. Raises nothing, whatever the bytes: what cannot be read is said to be so."""
    found = {*_of_xmp(packets(file, image, media_type)), *_of_credentials(file, media_type)}
    if len(found) > MOST:  # nobody writes so many
        return (Stated("xmp", UNREADABLE),)
    return tuple(sorted(found))


def _of_xmp(found: Iterable[bytes]) -> Iterator[Stated]:
    for packet in found:
        try:
            root = fromstring(packet if packet.startswith(_WIDE) else packet.strip(b"\0 \t\r\n"), forbid_dtd=True)
        except (ParseError, DefusedXmlException, ValueError, LookupError):  # no XML, or XML that is an attack
            if any(word in packet for word in _SPEAKS):
                yield Stated("xmp", UNREADABLE)
            continue
        for element in root.iter():
            yield from _of_element(element)


def _of_element(element: Element) -> Iterator[Stated]:
    """A property stands as an attribute, or as an element with text, a resource, or a list of either."""
    for name, value in element.attrib.items():
        if name in _PROPERTIES:
            yield _stated(_PROPERTIES[name], value)
    if element.tag in _PROPERTIES:
        values = [each for part in element.iter() for each in _values(part)]
        for value in values or [""]:
            yield _stated(_PROPERTIES[element.tag], value)


def _values(part: Element) -> Iterator[str]:
    if part.text and part.text.strip():
        yield part.text
    for name in ("resource", "value", "about"):
        if value := part.get(f"{{{_RDF}}}{name}"):
            yield value


def _stated(name: str, value: str) -> Stated:
    """A code is the last part of its address."""
    if name in _NAMED_ONLY:
        return Stated(name, "named")
    code = value.strip().rpartition("/")[2]
    return Stated(name, code if VALUE.fullmatch(code) else UNREADABLE)


def _of_credentials(file: bytes, media_type: MediaType) -> Iterator[Stated]:
    """Of every manifest of the store: who changed a picture later does not free it by saying nothing."""
    if not (b"c2pa" in file and b"jumb" in file):
        return
    try:
        reader = c2pa.Reader.try_create(media_type, io.BytesIO(file))
        manifests = json.loads(reader.json())["manifests"].values() if reader else ()
        for manifest in manifests:
            for assertion in manifest.get("assertions", ()):
                label, _, _ = assertion["label"].partition("__")
                if _ASSERTION.fullmatch(label):
                    yield from _of_assertion(assertion)
                elif label in _METADATA:
                    yield from _of_fields(assertion["data"])
    except (c2pa.C2paError, ValueError, KeyError, TypeError, AttributeError):  # it is there, and broken
        yield Stated("c2pa", UNREADABLE)


def _of_assertion(assertion: Mapping[str, Any]) -> Iterator[Stated]:
    """Entries of other kinds say nothing of the uses here."""
    for name, entry in assertion["data"]["entries"].items():
        if _ENTRY.fullmatch(name):
            use = entry["use"]
            yield Stated(name, use if isinstance(use, str) and VALUE.fullmatch(use) else UNREADABLE)


def _of_fields(data: object) -> Iterator[Stated]:
    """The same properties in a manifest's own metadata (JSON-LD), by their usual prefixes, at any depth."""
    waiting = [data]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            for name, value in part.items():
                if name in _NAMES:
                    yield from (_stated(name, str(each)) for each in (value if isinstance(value, list) else [value]))
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
