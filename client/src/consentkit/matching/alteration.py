"""In a word, how a copy differs from the picture that it matches."""

from consentkit.matching.rule import SAME_SCALE, Near

_TURNED = {3: "turned", 6: "turned", 8: "turned", 2: "mirrored", 4: "mirrored", 5: "mirrored", 7: "mirrored"}


def alteration(near: Near) -> str:
    """`none`, `mirrored`, `turned`, `cropped`, `framed` or two of them, as in `mirrored, cropped`.

    `none`: the same part of the picture the same way round; recompressed, resized or recoloured copies are that too.
    """
    words = [_TURNED[near.orientation]] if near.orientation in _TURNED else []
    if abs(near.scale) > SAME_SCALE:
        words.append("cropped" if near.scale > 0 else "framed")
    return ", ".join(words) or "none"
