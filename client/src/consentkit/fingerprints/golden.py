"""Golden vectors: pictures made by integer arithmetic, and the fingerprint that each must have.

A library that changes one bit stops whoever calls `check`: no fingerprint is better than one that matches
nothing.
"""

import base64
import hashlib
import io
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from consentkit.fingerprints import ALGORITHM, VERSION, fingerprint, library_versions, views
from consentkit.fingerprints.perception import perceived

Pixels = NDArray[np.uint8]


class Drifted(RuntimeError):
    """A golden vector has another fingerprint than it must."""


def check() -> None:
    """Fingerprint every vector. Raises `Drifted` at the first that differs. About half a second."""
    for name, image, expected in vectors():
        _demand(f"{ALGORITHM} version {VERSION}, vector {name}", fingerprint(image).bits.hex(), expected)
    check_views()


def check_views() -> None:
    """The same for pHash-64, PDQ, the views of an asking picture and, as a digest, those of a protected one."""
    for name, (seed, width, height, *expected) in _VIEWED.items():
        found = perceived(Image.fromarray(drawn(seed, width, height)[:, :, 0]), 1)
        protected = hashlib.sha256(views.protected(found.small).astype(">u8").tobytes()).hexdigest()
        got = {f"{each.algorithm} version {each.version}": each.bits.hex() for each in found.fingerprints}
        del got[f"{ALGORITHM} version {VERSION}"]  # `check` has more of these
        got[f"{views.ALGORITHM} version {views.VERSION}, protected"] = protected
        for (algorithm, one), other in zip(got.items(), expected, strict=True):
            _demand(f"{algorithm}, vector {name}", one, other)


def _demand(what: str, got: str, expected: str) -> None:
    if got != expected:
        raise Drifted(
            f"{what}: expected {expected}, got {got}, "
            f"with {library_versions()}. Fingerprints made here would not match those kept. Install the "
            "versions in requirements.txt; if the change is meant, raise VERSION and fingerprint every "
            "image again."
        )


def vectors() -> Iterator[tuple[str, Image.Image, str]]:
    """Name, a fresh picture, the 64 hex digits it must give."""
    for name, (make, expected) in _VECTORS.items():
        yield name, make(), expected


def drawn(seed: int, width: int, height: int) -> Pixels:
    """(height, width, 3): slow and fast triangle waves, another mixture for each seed and channel."""
    step = _steps(seed)
    x, y = np.arange(width)[None, :], np.arange(height)[:, None]
    channels = []
    for _ in range(3):
        total = np.zeros((height, width), np.int64)
        for octave in (1, 2, 3, 5, 8, 13):
            along = next(step) % 2001 - 1000  # a wave's direction, in thousandths of the sides
            across = next(step) % 2001 - 1000
            phase = (along * x * octave * 4) // width + (across * y * octave * 4) // height + next(step) % 4000
            total += abs(phase % 4000 - 2000) * (16 // octave + 1)
        channels.append(total * 255 // max(int(total.max()), 1))
    return np.stack(channels, axis=2).astype(np.uint8)


def _steps(seed: int) -> Iterator[int]:
    """A linear congruential generator (Knuth's MMIX constants), its high bits."""
    state = seed
    while True:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        yield state >> 33


def _rgb(seed: int, width: int, height: int) -> Image.Image:
    return Image.fromarray(drawn(seed, width, height))


def _turned(orientation: int) -> Image.Image:
    image = _rgb(7, 150, 100)
    directory = b"\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00%c" % orientation + bytes(6)
    image.info["exif"] = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08" + directory
    return image


def _sixteen_bits() -> Image.Image:
    high, low = drawn(8, 120, 90)[:, :, 0].astype(np.uint16), drawn(9, 120, 90)[:, :, 0]
    return Image.fromarray(high << 8 | low)


def _see_through() -> Image.Image:
    rgba = np.concatenate([drawn(10, 130, 110), drawn(11, 130, 110)[:, :, :1]], axis=2)
    return Image.fromarray(rgba)


def _palette() -> Image.Image:
    image = Image.fromarray(drawn(12, 100, 140)[:, :, 0] >> 4)
    image.putpalette([(value * 97 + 31) % 256 for value in range(48)])
    image.info["transparency"] = 3
    return image


def _one_bit() -> Image.Image:
    return Image.fromarray(drawn(13, 90, 90)[:, :, 1] > 127)


def _cmyk() -> Image.Image:
    inks = np.concatenate([drawn(14, 110, 80), drawn(15, 110, 80)[:, :, :1] // 2], axis=2)
    return Image.frombytes("CMYK", (110, 80), inks.tobytes())


def _file(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text)))


_JPEG: Final = """
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8ybqmx5mo
q6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKT/wAARCABQAGADASIAAhEB
AxEB/8QAGQABAAMBAQAAAAAAAAAAAAAAAwECBAAF/8QAIBAAAgMAAgIDAQAAAAAAAAAAAAECESEDMUFREiJhkf/EABkBAQEBAQEBAAAAAAAAAAAAAAME
AQIABf/EABwRAAMBAAMBAQAAAAAAAAAAAAABAhEDEiExIv/aAAwDAQACEQMRAD8A9Fu+wJ22aXHNCcW2HHKbPr0FquisYW7YklXRMUkrZVN6hkwpq8Dd
RQs5WzNyTrBpjsUL4Xg7diuWYBxvyy/yvoyuI4ss3QcdlpMuieKO6G+NJEVjwTrBFH+nQXoRql+kVoPtg0o5oMsQ037M3NLCaGUTOIGUvthLdIJPcOky
yaY0L0rOVmTkn9qNE9Rnr7FvFQyYvH1o0FfQUFQ8ehewHJRDW0LxQrsomrFUqWnNY0R2NxrS82vAUJEuVvCWoWgfWLJ+zLzts1NKtM3Im5EMLGfRp4DF
V0dRdquiKpWMmcqwOXQoqheTWHJ0h5bwePSU0mI55hnTp2S5WzvWHa1jxkW+e6ApZhaHem9gOTw1Rk6EhrwFdDwxYcu0R6aJ0l+gNW9F5ZqwXL2TTJXT
bKzdYgpukTKW4HyOhVKMX3A3rC5JeEJTfYUlcqEw+hCxFVhytss4/FHRXkxsCqJvwheJV2CtlhohSWh1pHy1osU2/wAHTSWARf8ACzl6BbAS0Sct/QpS
9ksq1b0qUYVaQk2VlHRksI+OntSPQ/QZRzQq0fl/QmzUyt1+SskkUk6VkydAcsjc0mployt4PGXsycTvo08ath8kg5rNEXhMW28IUXWicUdwmfhqR//Z
"""

_WEBP: Final = """
UklGRqABAABXRUJQVlA4IJQBAAAwDACdASpgAFAAPy2Cs1O/v6SitFQ/Q/AliWgGcArC3vWJ6m1AEkF7uAR7JmRw/RgsZ+ST9OJS06RGW1MBQyOv7FSY
yMX3RZtUjsRY1ME0+6Un66a29kONrsipTUfIacMPom4Ve4Bt6TpAAN7HOlnajErPV2MOLHaPWREQi4FaUsiBvgCzQv6NVvgzldu7YSPXnDpqEpqNfnRQ
D3V7U6qn1p7qJE/YFl00yo0zU/OEqoADba+qaBNN+zZ+RosQnSSRj/EF5ZRFTxHCy1Xe08BrC+NaRtLTlcabczqr+5njudad4Tyxc60h135wF+qEgEjX
cBGrPfbQCmLj+DF4b21F881D91yBS4i1CK64PcshDXogldtFewoOUqqzNg4vDMB2ONULnqaSUJa1oYA3AVuSXpOI7ZpT4PfNK+1HmCWvl/WFALTYauur
XWQ4r0nPIpO0l+j1yalJAyn3/VNeUvdNGhg11SbufnOXgA2AlFZlduAxqeUKATJC0sUa3bABEhedbwPBuKQzet/l+G0512JjqDUQAA==
"""

_VECTORS: Final[dict[str, tuple[Callable[[], Image.Image], str]]] = {
    "square": (lambda: _rgb(1, 256, 256), "f00a8f9ad890979d3bdad390a0d7d3817b4022fd562a3c11760bac96543ffdaa"),
    "smallest": (lambda: _rgb(2, 64, 64), "a9f07badd858d25297c72ef24becd6d61dbcb2c11cb3f7219442719085237330"),
    "tall": (lambda: _rgb(3, 200, 2000), "f97dec00a6a8e1eac931ebebcc2a813f43c0c09d4281ea13422ec27f42dfeabf"),
    "wide": (lambda: _rgb(4, 1600, 100), "e79aedcd929e17cf2ea555d0aa850037177c27393d63063c7de3063511c03d3a"),
    "odd sides": (
        lambda: _rgb(5, 97, 131),
        "aa7e42c0338ec640899625d4f08a5880d581bad7a07f1d3fd07a1b3fd26f1bbf",
    ),
    "portrait": (
        lambda: _rgb(6, 333, 500),
        "bc557fffc45580bbbc55b74043fa8254138b921817c18d5dcbc19d6a423f8c6a",
    ),
    "grey": (
        lambda: Image.fromarray(drawn(16, 180, 120)[:, :, 2]),
        "e52ac87ee12a3f8a86d50faaa5df70057a82f5157a6af5859ad330159aea3095",
    ),
    "upright": (lambda: _turned(1), "b5f7c08090022d08a85532ff1fef138e1d3b03e7920f7afa1f3f2afe15142b91"),
    "turned": (lambda: _turned(6), "bd751545c940f2ef4fc8c7df5228c6969200db01d389d9c042f9da39d2a9db7c"),
    "mirrored": (lambda: _turned(5), "e82040109c15a7ba1a9d928a077d93cbc7558e5486dc8c9f17bc8f6ea7fc8ee9"),
    "16 bits": (_sixteen_bits, "9155d5177aaa36a87aaa0fa946ba2f7103ea2dd543ea2cf542ba07fdad14180b"),
    "see-through": (_see_through, "d8506bff308a89d525aa770a2e543622b552d7aef007fb52b007ff401007ffad"),
    "palette": (_palette, "9e80469b947853d3c21cda94e45eea862ad6ab53687a4d0a55ea7c73753ab48b"),
    "one bit": (_one_bit, "8b6be6630b6ba6f3700286fa74b21ed2f5b45e81d5e010a5dd0b10ad9d1f55a9"),
    "cmyk": (_cmyk, "da54ccf94aada457f000f882f41340fff0bea7014baad9364c98fec44d62fa4d"),
    "jpeg": (lambda: _file(_JPEG), "ef32b357487a48fe4a881f95b4e51e41309d5af0b4dd7dd4b49bd1a0f7011a30"),
    "webp": (lambda: _file(_WEBP), "dc4e2aa3a554c1338dd9988f32b7c6c7329ce4972115ceb2bdda944331a9c7e4"),
}

_VIEWED: Final[dict[str, tuple[int, int, int, str, str, str, str]]] = {  # seed and sides, as of `drawn`
    "square": (
        1,
        256,
        256,
        "a78dd895d215d057",
        "ee4dab55fe01d4aa956d5422846df522006fa2f7738d86d6ada5f8d408ad98d8",
        (
            "496b5e4790d46f894193858c00d3fcde051246b03cd862901421dcdd2cfc7fec0a7edb7998f71aa768632e1224359745"
            "7575914621ee2b25c605e89e8efe2826b1d057fec1bd74b1768a0b4c83fe03abc2fc13694aa41aa251540340ff532f34"
            "9877184becc1bf4c356a8a9b3f89dc60ca90c36be706d89c2c80c2af4afe0b3bf4be3a987f32c165f3470cb84842f7e5"
            "f731b7c9d0ae497c4749d4566890aa537c63f5095bf8433c109bdcc5f5659272839ad5eb72aa6e74d14f6441d021006f"
            "5ff1c6951e98"
        ),
        "43c0c08ea41d0bff2558d8e5d516c61ce4185706b5cb5726435fe29d5135bc46",
    ),
    "tall": (
        3,
        200,
        2000,
        "ead595b495b74482",
        "2aaa7eebd58c7eabd5bc7eab65967ea0d1847620ff016176ca446190c2546155",
        (
            "bea31522813875ee4e79affb95bafde34eef380027967fffb79f5fea18686cf5d3e6eed1a2fc39a7a60f48e8fa8dbde2"
            "78a603bebbcf2ed14ce131488e7f427f4718b2eed3b2b3f817968b0e1f10630168b7c2ab3c2a811240dc72304fd837f6"
            "3f01d5c0ed93fadc79e7fccb6bf09a6f81e14944cf7ddacf2ed95de13518c96a42384f18c0e011a2ccb9a7240e58e0ba"
            "9dade036e6013f6bcf4b9154f13004cf6aca59ca99326e9a3bfec9e7fecc63d95b6833e08864eff833bcf3562402024c"
            "a298583838d7"
        ),
        "8dae7345272030503e9edac0e7ff5dfed73f6e15a9b0bad6c1d73d0c0c6d4ae9",
    ),
    "portrait": (
        6,
        333,
        500,
        "bf1de431d4f2c422",
        "d54d251ad40d441ad00f5d5acff01726cc717522df9106a7df9546c64213ffdc",
        (
            "230b7a05d5ca3528a4de9bae4e05e69f8d095f2523fd7b0b12acc7d3059fcde24c330f7e0dff8a057a815eb9bcde2c86"
            "fb2dcbde2563ff7a0b52adc19e38029c4f0e23097a1d5d8a142ce4d39aa6ea05e61385899f3527fd760f16ace6f70dbb"
            "ffe6cc1a2e7c76f4dbe7aa88ca8bb93870e48abbfd802a88d126c7190085141280ba88170a2c7c665e8b86ce08628aa8"
            "7830c039eb68833eb6d8bf6bc38eb245a0bb3379581b3f4c649225cbd8f4271bb07a5219cb987022cfbbb8cabcc2cb45"
            "79f9335c4810"
        ),
        "3c53b469638d4636d01a8a4b9c407b2229e097c34e4b379b4ae3fa2fa39ae9a5",
    ),
    "small": (
        12,
        128,
        128,
        "9eaab497b596e220",
        "6553dab8a545578806d7f5ee26f7f05e254770025aa35fb45ad60c745916aa2a",
        (
            "63ad1404de7c7ca4168b80b1c2c830dca67b6cff4b8885950ba47ef82cacde1a1195458e8dee58dbd4118cd1dc8ac8b1"
            "de5d478e7762881cc102a4f65142114c96524ad875e21673040bef697e0c35254e62fe168afb0ea88c050ee2f653551c"
            "eaab91ac78be732713c61bac7c6a4e3cb6c63525ea64eb4a78848f0f245e71b88fcd18d0138b4d05df2cdd8c178ed1b2"
            "824879d89b8bd6fb0b963c20b3e6c8454831f00c9269f6948a631b9315ab4f2442a4a8a245eab7ac543acc614c7a0925"
            "bcbf260e0918"
        ),
        "03bd61c7ec1ad050e0bb2380e5f5a75d69061f68c0d7ee4e51f133de1277a2b4",
    ),
}
