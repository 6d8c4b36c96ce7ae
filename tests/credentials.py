"""Files that say something of their own use: XMP packets, and Content Credentials signed by a key made here."""

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" {attributes}>{elements}</rdf:Description>
</rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""
VOCABULARY = "http://ns.useplus.org/ldf/vocab/"
CREATED = {
    "action": "c2pa.created",
    "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture",
}


def xmp(elements: str = "", attributes: str = "") -> bytes:
    return PACKET.format(elements=elements, attributes=attributes).encode()


def plus(name: str, code: str) -> bytes:
    """As Photoshop and ExifTool write it: an element with an address."""
    return xmp(f"<plus:{name}>{VOCABULARY}{code}</plus:{name}>")


def signed(file: bytes, media_type: str, *assertions: Mapping[str, Any], parent: bytes | None = None) -> bytes:
    """The file with a manifest of these assertions; a certificate that nobody trusts."""
    created = {"label": "c2pa.actions", "data": {"actions": [CREATED]}}
    manifest = {
        "claim_generator_info": [{"name": "tests", "version": "1"}],
        "format": media_type,
        "title": "a drawing",
        "assertions": [*([] if parent else [created]), *assertions],
    }
    chain, key = _certificates()
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, key, None))
    builder = c2pa.Builder(json.dumps(manifest))
    if parent:
        builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
    made = io.BytesIO()
    builder.sign(signer, media_type, io.BytesIO(parent or file), made)
    return made.getvalue()


def mining(label: str = "cawg.training-mining", **entries: str) -> dict[str, Any]:
    """`mining(ai_training="notAllowed")`, under the label's own family."""
    family = label.partition(".")[0]
    return {"label": label, "data": {"entries": {f"{family}.{name}": {"use": use} for name, use in entries.items()}}}


@lru_cache(maxsize=1)
def _certificates() -> tuple[bytes, bytes]:
    """The chain, and the leaf's key, in PEM."""
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _certificate("root", root_key, signer=("root", root_key))
    leaf = _certificate("leaf", key, signer=("root", root_key))
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    chain = leaf.public_bytes(pem) + root.public_bytes(pem)
    return chain, key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, *, signer: tuple[str, ec.EllipticCurvePrivateKey]
) -> x509.Certificate:
    is_root, now = name == signer[0], datetime.now(UTC)
    unused = "content_commitment data_encipherment key_agreement key_encipherment encipher_only decipher_only"
    usage = dict.fromkeys(unused.split(), False)
    built = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(signer[0]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=is_root, crl_sign=is_root, **usage), critical=True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer[1].public_key()), critical=False)
    )
    if not is_root:
        built = built.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return built.sign(signer[1], hashes.SHA256())


def _name(name: str) -> x509.Name:
    parts = {NameOID.COMMON_NAME: name, NameOID.ORGANIZATION_NAME: "Tests"}
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts.items()])
