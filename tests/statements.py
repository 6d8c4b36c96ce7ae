"""Signed statements, as `consentkit attest` makes them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from consentkit.manifests import Counts, Made, Statement, digest_of, sign_statement
from consentkit.notes import Signer
from registry.log.signer import origin

SIGNER: Final = Signer.generate("pipeline-test")
TRAIN: Final = Made("train.parquet", 1, 2_000, "aa" * 32)
PERMITTED: Final = Made("permitted.parquet", 1, 1_000, "bb" * 32)


def statement(keys: Sequence[bytes], *, size: int, **otherwise: Any) -> Statement:
    """A filtering that kept just these digests."""
    count = len(keys)
    said = Statement(
        name="run 7",
        model="face-1",
        purpose="ai_training",
        size=size,
        key=None,
        scope=None,
        inputs=(TRAIN,),
        outputs=(PERMITTED,),
        counts=Counts(count + 3, count, 2, 1, 0),
        reasons={"not_covered": 1, "remove": 1, "wait": 0},
        filtered_at=1_790_000_000,
        keys=digest_of(keys),
    )
    return replace(said, **otherwise)


def note(keys: Sequence[bytes], *, size: int, signer: Signer = SIGNER, **otherwise: Any) -> str:
    """The same, signed."""
    return sign_statement(statement(keys, size=size, **otherwise), signer, origin=origin())
