"""The log's tables. All but head and clock are insert-only; a trigger refuses the rest, the owner too (law 4)."""

from django.db import models


class LogHead(models.Model):
    """The counter: one row, its size the number of entries. Locked last in every act."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    size = models.BigIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="log_head_is_one_row")]


class Entry(models.Model):
    """The immutable record of one act; its index is dense and in commit order."""

    index = models.BigIntegerField(primary_key=True)
    act = models.UUIDField(unique=True)
    leaf = models.BinaryField(max_length=1024)
    recorded_at = models.DateTimeField()


class Commitment(models.Model):
    """SHA-256(salt ‖ item): what stands in the leaf's tree for something personal (law 6)."""

    act = models.UUIDField()
    position = models.IntegerField()
    commitment = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["act", "position"], name="commitment_once")]


class Opening(models.Model):
    """Salt and item of a commitment. From here only erasure may ever delete."""

    act = models.UUIDField()
    position = models.IntegerField()
    salt = models.BinaryField(max_length=32)
    item = models.BinaryField()
    image = models.UUIDField(null=True)
    person = models.UUIDField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["act", "position"], name="opening_once")]
        indexes = [
            models.Index(fields=["person", "act"], name="opening_by_person"),
            models.Index(fields=["image"], name="opening_by_image"),
        ]


class Tile(models.Model):
    """A full tile: 256 hashes of 32 bytes (C2SP tlog-tiles). Partial tiles are made when asked for."""

    level = models.SmallIntegerField()
    index = models.BigIntegerField()
    hashes = models.BinaryField(max_length=8192)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["level", "index"], name="tile_once")]


class Checkpoint(models.Model):
    """A signed (origin, size, root). One size is signed once (law 7)."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField(max_length=32)
    note = models.TextField()
    signed_at = models.DateTimeField()


class LogClock(models.Model):
    """One row: the latest time that was seen here. A trigger refuses to set it back."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="log_clock_is_one_row")]


class LostSize(models.Model):
    """Something signed by this log's key says `size`, and this database, with `head` entries, does not lead there.

    It stays a doubt for this origin until a database is restored that never had to write it.
    """

    origin = models.TextField()
    size = models.BigIntegerField()
    head = models.BigIntegerField()
    shown_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["origin", "size"], name="lost_size_once")]
