"""Registries of many images, written by SQL as acts would leave their rows: by acts, ten million would take a day.

In bench only. The log does not know of these images, so `fsck` would rightly object.
"""

import hashlib
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.db import connection

AT_ONCE: Final = 1_000_000

# Image n has the number md5('image n') and the digest SHA-256('image n'), so that it can be asked for.
IMAGES: Final = """
    INSERT INTO registry_image (id, collection_id, sha256, length, media_type, state, submitted_at, attempts)
    SELECT md5('image ' || n)::uuid, collection.id, sha256(convert_to('image ' || n, 'UTF8')), 1, 'image/jpeg',
        'registered', now(), 0
    FROM registry_collection collection, generate_series(%(first)s, %(last)s) n
"""
BRINGINGS: Final = """
    WITH brought AS (
        INSERT INTO registry_bringing (image_id, person_id, state, rejection, dismissed, brought_at)
        SELECT md5('image ' || n)::uuid, %(person)s, 'registered', '', false, now()
        FROM generate_series(%(first)s, %(last)s) n RETURNING id, image_id
    )
    INSERT INTO registry_depiction (bringing_id, image_id, person_id, address, confirmed)
    SELECT id, image_id, %(person)s, '', true FROM brought
"""
STANDINGS: Final = """
    INSERT INTO consent_standing (image_id, collection_id, sha256, until, reason, act)
    SELECT md5('image ' || n)::uuid, collection.id, sha256(convert_to('image ' || n, 'UTF8')),
        CASE WHEN permitted THEN ARRAY[ends] || array_fill(NULL::bigint, '{9}')
            ELSE array_fill(NULL::bigint, '{10}') END,
        CASE WHEN permitted THEN ARRAY[NULL::smallint] || array_fill(120::smallint, '{9}')
            ELSE array_fill(130::smallint, '{10}') END,
        md5('act ' || n / 10)::uuid
    FROM registry_collection collection, generate_series(%(first)s, %(last)s) n,
        LATERAL (VALUES (n %% 5 < %(fifths)s, (extract(epoch FROM now()) + 31536000)::bigint)) AS of(permitted, ends)
"""
# Made again after each load, which is then six times as fast. The primary key stays.
INDEXES: Final = {"standing_by_sha256": "sha256", "standing_by_act": "act"}


def images(person: UUID, *, first: int, last: int) -> list[UUID]:
    """Registered pictures of this person for which nothing was granted, their standings and the feed's totals."""
    from consent.exclusions.standings import move_totals, stored

    with connection.cursor() as cursor:
        for statement in (IMAGES, BRINGINGS, STANDINGS):
            cursor.execute(statement, {"person": person, "first": first, "last": last, "fifths": 0})
        cursor.execute("VACUUM ANALYZE")
    numbers = [UUID(bytes=hashlib.md5(f"image {n}".encode()).digest()) for n in range(first, last + 1)]  # noqa: S324
    move_totals({}, stored(set(numbers)))
    return numbers


def standings(*, first: int, last: int) -> None:
    """Standings alone, four of five permitted to research for `ai_training`. Their images are not there."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # no foreign keys
        cursor.execute("SET maintenance_work_mem = '512MB'")
        for index in INDEXES:
            cursor.execute(f"DROP INDEX IF EXISTS {index}")
        cursor.execute(STANDINGS, {"first": first, "last": last, "fifths": 4})
        for index, column in INDEXES.items():
            cursor.execute(f"CREATE INDEX {index} ON consent_standing ({column})")
        cursor.execute("RESET session_replication_role")
        cursor.execute("VACUUM ANALYZE consent_standing")


def totals(*, first: int, last: int) -> None:
    """The feed's totals for `ai_training` and research, as if acts had made the standings of these images."""
    from consent.models import FeedTotal
    from consentkit.rows import Rows
    from consentkit.scopes import FEED_MODULUS, WIRE_REASONS
    from registry.models import Collection

    with connection.cursor() as cursor:
        cursor.execute("SELECT max(until[1]) FROM consent_standing")
        (ends,) = cursor.fetchone()
    total = 0
    for start in range(first, last + 1, AT_ONCE):
        numbers = np.arange(start, min(start + AT_ONCE, last + 1))
        permitted = numbers % 5 < 4
        names = [f"image {n}".encode() for n in numbers]
        rows = Rows(
            ("ai_training",),
            "research",
            _bytes(hashlib.sha256, names),
            _bytes(hashlib.md5, names),
            np.where(permitted, ends, 0)[None],
            np.where(permitted, 0, WIRE_REASONS.index("not_covered")).astype(np.uint8)[None],
        )
        total += rows.digest()
    FeedTotal(collection=Collection.objects.get(), scope=0, count=last + 1 - first, total=total % FEED_MODULUS).save(
        force_insert=True
    )


def _bytes(hashed: Callable[[bytes], Any], names: list[bytes]) -> Any:
    return np.frombuffer(b"".join(hashed(name).digest() for name in names), np.uint8).reshape(len(names), -1)


def digests(numbers: list[int]) -> list[str]:
    """The digests of these images."""
    return [hashlib.sha256(f"image {n}".encode()).hexdigest() for n in numbers]
