"""One checker, run after every test that touches the database: rows, log and standings tell one story.

It compares what is stored with the oracle (laws 3 to 7), and the fold with both.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings

from consent.exclusions.fold import Opened, fold
from consent.models import (
    Case,
    CaseImage,
    DisclosedImage,
    Disclosure,
    DisclosureDay,
    FeedTotal,
    Grant,
    GrantLine,
    Manifest,
    ManifestImage,
    ManifestLook,
    Notification,
    NotificationImage,
    Pipeline,
    PipelineKey,
    Protection,
    Snapshot,
    Standing,
    Unfolded,
    Webhook,
    WebhookSecret,
    Withdrawal,
    WithdrawalLine,
)
from consent.reads.replay import differences
from registry.log.fsck import faults
from registry.log.places import places
from registry.log.signer import verifier
from registry.models import (
    Account,
    Bringing,
    Checkpoint,
    Collection,
    Commitment,
    Entry,
    Image,
    LogHead,
    Opening,
    Person,
    PersonToken,
    StewardToken,
    Tile,
)
from tests import oracle
from tests.oracle import Happened


def check_world() -> None:
    """Raises AssertionError at the first thing that does not agree. Reads everything; changes nothing.

    The registry's own `fsck` comes last: it must have nothing to say either.
    """
    entries = list(Entry.objects.order_by("index"))
    leaves = [bytes(entry.leaf) for entry in entries]
    raw = _story(entries)
    story = oracle.with_guards(raw)
    _entries_are_whole(entries, leaves)
    _every_act_has_one_entry(entries)
    _leaves_are_silent(leaves)
    _checkpoints_hold(leaves)
    _standings_are_the_fold(raw, story)
    _totals_are_the_sums()
    _records_say_what_was_said(story)
    _cases_hold_what_was_said(story)
    _statements_are_what_was_said(story)
    _searches_are_done(entries, story)
    _the_protected_are_waited_for()
    _manifests_are_what_was_attested(entries, story)
    _whoever_used_it_is_told(entries)
    _webhooks_are_where_they_say(entries, story)
    _snapshots_are_what_was_published(entries, story)
    _the_public_was_public_first(story)
    _disclosures_are_of_the_pipelines_feed(entries)
    _days_are_the_roots(entries, story)
    _images_are_unfolded()
    assert list(faults()) == []
    assert list(differences()) == []


def story() -> list[Happened]:
    """The log as the oracle reads it."""
    return oracle.with_guards(_story(list(Entry.objects.order_by("index"))))


def _story(entries: Sequence[Entry]) -> list[Happened]:
    by_act: dict[UUID, list[oracle.Item]] = defaultdict(list)
    for act, item in Opening.objects.order_by("act", "position").values_list("act", "item"):
        by_act[act].append(json.loads(bytes(item)))
    return [Happened(str(entry.act), by_act[entry.act]) for entry in entries]


def _entries_are_whole(entries: Sequence[Entry], leaves: Sequence[bytes]) -> None:
    """Dense, counted, and each leaf the root over commitments that their openings open."""
    assert [entry.index for entry in entries] == list(range(len(entries)))
    assert LogHead.objects.get().size == len(entries)
    commitments: dict[UUID, list[bytes]] = defaultdict(list)
    for row in Commitment.objects.order_by("act", "position"):
        assert row.position == len(commitments[row.act])
        commitments[row.act].append(bytes(row.commitment))
    opened: dict[UUID, list[bytes]] = defaultdict(list)
    for opening in Opening.objects.order_by("act", "position"):
        assert len(bytes(opening.salt)) == 32
        opened[opening.act].append(oracle.sha256(bytes(opening.salt) + bytes(opening.item)))
    assert opened == commitments
    for entry, leaf in zip(entries, leaves, strict=True):
        said = json.loads(leaf)
        assert set(said) == {"items", "kind", "recorded_at", "v"}
        assert said["items"] == oracle.items_root(commitments[entry.act]).hex()
        assert said["recorded_at"] == int(entry.recorded_at.timestamp())
        assert commitments[entry.act]


def _every_act_has_one_entry(entries: Sequence[Entry]) -> None:
    """Law 3, both ways: no entry without an act's traces, no trace without its entry."""
    kinds = {entry.act: json.loads(bytes(entry.leaf))["kind"] for entry in entries}
    assert len(kinds) == len(entries)
    assert set(Commitment.objects.values_list("act", flat=True)) == set(kinds)
    traces = {
        "granted": list(Grant.objects.values_list("act", flat=True)),
        "withdrawn": list(Withdrawal.objects.values_list("act", flat=True)),
        "case_opened": list(Case.objects.values_list("act", flat=True)),
    }
    counted = Counter(kinds.values())
    for kind, acts in traces.items():
        assert sorted(acts) == sorted(act for act, of in kinds.items() if of == kind)
    assert counted["acknowledged"] == Notification.objects.exclude(outcome=None).count()
    assert counted["manifest_attested"] == Manifest.objects.count()
    assert counted["disclosures_logged"] == DisclosureDay.objects.count()
    assert counted["case_searched"] == Case.objects.filter(search__in=["done", "unreadable"]).count()
    assert counted["image_registered"] == Bringing.objects.filter(state="registered").count()
    assert counted["image_submitted"] >= Bringing.objects.count()  # what could not be read may be brought again
    assert counted["image_rejected"] >= Bringing.objects.filter(state="rejected").count()
    assert counted["person_enrolled"] == Person.objects.count()
    assert counted["pipeline_enrolled"] == Pipeline.objects.count()
    assert counted["pipeline_enrolled"] + counted["key_issued"] == PipelineKey.objects.count()
    assert counted["key_revoked"] == PipelineKey.objects.exclude(revoked_at=None).count()
    tokens = PersonToken.objects.count() + StewardToken.objects.count()
    assert counted["token_issued"] + counted["steward_enrolled"] == tokens
    assert counted["webhook_enrolled"] + counted["webhook_secret_issued"] == WebhookSecret.objects.count()
    assert counted["webhook_secret_revoked"] == WebhookSecret.objects.exclude(revoked_at=None).count()
    assert set(Standing.objects.values_list("act", flat=True)) <= set(kinds)


def _leaves_are_silent(leaves: Sequence[bytes]) -> None:
    """Law 6: no pseudonym, digest or address in any leaf."""
    named = [
        *Person.objects.values_list("id", flat=True),
        *Image.objects.values_list("id", flat=True),
    ]
    words = [word for number in named for word in (str(number), number.hex)]
    words += [bytes(digest).hex() for digest in Image.objects.values_list("sha256", flat=True)]
    words += list(Account.objects.values_list("email", flat=True))
    for leaf in leaves:
        assert len(leaf) <= 1024
        assert b"@" not in leaf
    everything = b"\n".join(leaves)
    assert not [word for word in words if word.encode() in everything]


def _checkpoints_hold(leaves: Sequence[bytes]) -> None:
    """Law 7: each is signed over a prefix of the one log, in order of time, and no place outside is behind."""
    key = str(verifier())
    newest = None
    for row in Checkpoint.objects.order_by("size"):
        _, size, root = oracle.open_note(row.note, key)
        assert size == row.size <= len(leaves)
        assert root == bytes(row.root) == oracle.root(leaves[:size])
        assert newest is None or row.signed_at >= newest.signed_at
        newest = row
    kept = [place.read("checkpoint", fresh=True) for place in places(str(settings.CHECKPOINT_DIR))]
    for data in kept if newest is not None else ():
        assert data is not None
        note = data.decode()
        _, size, root = oracle.open_note(note, key)
        assert newest is not None
        assert size >= newest.size
        assert size > newest.size or note == newest.note
        assert root == oracle.root(leaves[:size])
    for tile in Tile.objects.all():
        assert bytes(tile.hashes) == oracle.tile(tile.level, tile.index, leaves)


def _standings_are_the_fold(raw: Sequence[Happened], story: Sequence[Happened]) -> None:
    """Law 5: the rows, the definition and the oracle, each image and scope, and the act that changed it last."""
    folded = fold(Opened(UUID(happened.act), tuple(happened.items)) for happened in raw)
    rows = {row.image_id: row for row in Standing.objects.all()}
    assert set(rows) == set(folded) == {UUID(image) for image in oracle.images(story)}
    for image, row in rows.items():
        stored = list(zip(row.until, row.reason, strict=True))
        told = oracle.concerning(story, str(image))
        assert stored == oracle.standing(told, str(image)), f"image {image}"
        assert str(row.act) == oracle.last_change(told, str(image)), f"image {image}"
        of = folded[image]
        assert of.row is not None
        terms = of.row.terms
        assert stored == list(zip(terms.until, terms.reason, strict=True)), f"image {image}"
        assert (row.act, row.collection_id, bytes(row.sha256)) == (of.act, of.collection, of.sha256)


def _totals_are_the_sums() -> None:
    """The digest of each feed, added up again from its rows."""
    counts: dict[tuple[UUID, int], int] = defaultdict(int)
    sums: dict[tuple[UUID, int], int] = defaultdict(int)
    for row in Standing.objects.all():
        for scope, ruling in enumerate(zip(row.until, row.reason, strict=True)):
            key = row.collection_id, scope
            counts[key] += 1
            sums[key] += oracle.row_digest(row.image_id.bytes, bytes(row.sha256), scope, ruling)
    totals = {(of.collection_id, of.scope): of for of in FeedTotal.objects.all()}
    assert {key: of.count for key, of in totals.items()} == counts
    assert {key: int(of.total) for key, of in totals.items()} == {key: total % 2**256 for key, total in sums.items()}


def _records_say_what_was_said(story: Sequence[Happened]) -> None:
    """Grants' lines and withdrawals' lines, against a replay of the items."""
    lines = GrantLine.objects.values_list("grant__id", "image", "purpose", "state")
    assert {
        (str(grant), str(image), oracle.PURPOSES[purpose]): state for grant, image, purpose, state in lines
    } == oracle.grant_lines(story)
    bars = WithdrawalLine.objects.values_list("withdrawal__id", "image", "in_force")
    assert {
        (str(withdrawal), str(image)): {use for at, use in enumerate(oracle.SCOPES) if bits >> at & 1}
        for withdrawal, image, bits in bars
    } == oracle.protections(story)


def _cases_hold_what_was_said(story: Sequence[Happened]) -> None:
    """Each image of a case has the hold that the newest item about it gave it."""
    rows = CaseImage.objects.values_list("case", "image", "hold")
    assert {(str(case), str(image)): hold for case, image, hold in rows} == oracle.holds(story)


def _statements_are_what_was_said(story: Sequence[Happened]) -> None:
    """Who brought each picture, whom they state to be shown in it, and what it was made from."""
    events: dict[str, list[oracle.Item]] = defaultdict(list)
    for item in (item for happened in story for item in happened.items if "image" in item):
        events[item["image"]].append(item)
    stated = {(image, by): item for image, items in events.items() for by, item in oracle.statements(items).items()}
    rows = {(str(row.image_id), str(row.person_id)): row for row in Bringing.objects.filter(dismissed=False)}
    assert set(rows) == set(stated)
    for key, row in rows.items():
        shown = row.depictions.values_list("person", "address")
        depicts = [str(person) if person else "invited" if address else "unknown" for person, address in shown]
        assert sorted(depicts) == sorted(stated[key]["depicts"])
        sources = [str(source) for source in row.derived_from.values_list("source", flat=True)]
        assert sorted(sources) == stated[key]["derived_from"]
    digests = Image.objects.values_list("collection", "sha256")
    assert len(set(digests)) == len(digests)


def _searches_are_done(entries: Sequence[Entry], story: Sequence[Happened]) -> None:
    """A search's entry is of one case, which says the same; and no case was searched twice."""
    kinds = {str(entry.act): json.loads(bytes(entry.leaf))["kind"] for entry in entries}
    said = [happened.items[0] for happened in story if kinds[happened.act] == "case_searched"]
    searched = Case.objects.filter(search__in=["done", "unreadable"]).values_list("id", "search")
    assert sorted((item["case"], item["search"]) for item in said) == sorted((str(case), how) for case, how in searched)


def _the_protected_are_waited_for() -> None:
    """Whatever is registered and protected has its row, so that its copies are found or known to be looked for.

    What has views has a number, and the other way round.
    """
    protecting = [10, *range(20, 60, 10)]
    protected = Standing.objects.filter(reason__overlap=protecting, image__state="registered")
    assert set(protected.values_list("image", flat=True)) <= set(
        Protection.objects.filter(version=1).values_list("image", flat=True)
    )
    for row in Protection.objects.all():
        assert (row.image_id is None) != (row.case_id is None)
        assert (row.views is None) == (row.serial is None)


def _manifests_are_what_was_attested(entries: Sequence[Entry], story: Sequence[Happened]) -> None:
    """Each has its entry, which pins its statement; and just the images that it counts, of its collection."""
    items = {happened.act: happened.items for happened in story}
    feeds = {row.image_id: row.collection_id for row in Standing.objects.all()}
    held: dict[int, set[UUID]] = defaultdict(set)
    for manifest, image in ManifestImage.objects.values_list("manifest", "image"):
        held[manifest].add(image)
    manifests = Manifest.objects.select_related("pipeline").in_bulk()
    assert set(held) == set(manifests) == set(ManifestLook.objects.values_list("manifest", flat=True))
    for serial, manifest in manifests.items():
        (item,) = items[str(manifest.act)]
        assert (item["what"], item["manifest"]) == ("attested", str(manifest.id))
        assert item["statement"] == oracle.sha256(manifest.note.encode()).hex() == bytes(manifest.digest).hex()
        assert item["images"] == manifest.images == len(held[serial]) <= len(feeds)
        assert {feeds[image] for image in held[serial]} == {manifest.pipeline.collection_id}


def _whoever_used_it_is_told(entries: Sequence[Entry]) -> None:
    """Of all acts that a manifest was compared with: what stands against an image is told, nothing else still is."""
    indexes = {entry.act: entry.index for entry in entries}
    told: dict[tuple[int, UUID], int] = defaultdict(int)
    counts: Counter[int] = Counter()
    for row in NotificationImage.objects.select_related("notification"):
        counts[row.notification_id] += 1
        manifest = row.notification.manifest_id
        assert ManifestImage.objects.filter(manifest=manifest, image=row.image_id).exists()
        if not row.over:
            told[manifest, row.image_id] = max(told[manifest, row.image_id], row.duty)
    assert counts == dict(Notification.objects.filter(kind="manifest").values_list("serial", "count"))
    standings = {row.image_id: row for row in Standing.objects.all()}
    for look in ManifestLook.objects.select_related("manifest__pipeline"):
        of = look.manifest
        scope = oracle.SCOPES.index((of.purpose, of.pipeline.audience))
        for image in ManifestImage.objects.filter(manifest=of).values_list("image", flat=True):
            row = standings[image]
            if indexes[row.act] < look.size:
                duty = oracle.DUTIES.get(oracle.TOLD.get(row.reason[scope] or 0, ""), 0)
                assert told[of.serial, image] >= duty, f"manifest {of.id}, image {image}: nobody was told"
                assert duty or not told[of.serial, image], f"manifest {of.id}, image {image}: told in vain"


def _webhooks_are_where_they_say(entries: Sequence[Entry], story: Sequence[Happened]) -> None:
    """Each has its entry, which does not name its address; and none is ahead of what its pipeline was told."""
    kinds = {str(entry.act): json.loads(bytes(entry.leaf))["kind"] for entry in entries}
    said = [item for happened in story if kinds[happened.act] == "webhook_enrolled" for item in happened.items]
    rows = list(Webhook.objects.select_related("pipeline"))
    assert sorted((item["webhook"], item["pipeline"]) for item in said) == sorted(
        (str(row.id), str(row.pipeline.id)) for row in rows
    )
    for row in rows:
        assert not [item for item in said if row.url in json.dumps(item)]
        told = Notification.objects.filter(pipeline=row.pipeline_id, serial=row.delivered)
        assert row.delivered == 0 or told.exists()
        assert not row.stopped or not Webhook.objects.due(at=row.next_at).filter(id=row.id).exists()


def _snapshots_are_what_was_published(entries: Sequence[Entry], story: Sequence[Happened]) -> None:
    """Each entry's sum is that of the story up to its size, and whatever is offered has its entry."""
    items = {happened.act: happened.items for happened in story}
    indexes = {str(entry.act): entry.index for entry in entries}
    published = {act: said[0] for act, said in items.items() if said[0]["what"] == "snapshot_published"}
    for act, item in published.items():
        assert item["size"] <= indexes[act]
        assert (item["count"], int(item["digest"], 16)) == _sum(item, story[: item["size"]])
    for row in Snapshot.objects.all():
        item = published[str(row.act)]
        assert (item["collection"], item["size"]) == (str(row.collection_id), row.size)
        assert item["list"] == oracle.sha256(row.parts.encode()).hex()


def _sum(item: oracle.Item, story: Sequence[Happened]) -> tuple[int, int]:
    """Images, and the sum of their rows, of the feed that an entry names."""
    submitted = [one for happened in story for one in happened.items if one["what"] == "submitted"]
    of = list({one["image"]: one for one in submitted if one["collection"] == item["collection"]}.values())
    total = 0
    for one in of:
        told = oracle.concerning(story, one["image"])
        standing = oracle.standing(told, one["image"])
        for purpose in item["purposes"]:
            scope = oracle.SCOPES.index((purpose, item["audience"]))
            total += oracle.row_digest(UUID(one["image"]).bytes, bytes.fromhex(one["sha256"]), scope, standing[scope])
    return len(of), total % 2**256


def _the_public_was_public_first(story: Sequence[Happened]) -> None:
    """Each public collection by one entry, before the first of its images."""
    public, filled = dict[str, bool](), set[str]()
    for item in (item for happened in story for item in happened.items):
        match item["what"]:
            case "collection_opened":
                public[item["collection"]] = False
            case "collection_made_public":
                assert item["collection"] not in filled
                assert not public[item["collection"]]
                public[item["collection"]] = True
            case "submitted":
                filled.add(item["collection"])
    assert {str(each.id): each.public for each in Collection.objects.all()} == public


def _disclosures_are_of_the_pipelines_feed(entries: Sequence[Entry]) -> None:
    """A set names each image once, in order, and only what its pipeline may be told of; a feed's names none."""
    feeds = {row.image_id: row.collection_id for row in Standing.objects.all()}
    for row in Disclosure.objects.select_related("pipeline"):
        images = [bytes(row.images)[at : at + 16] for at in range(0, len(row.images), 16)]
        assert images == sorted(set(images))
        assert {feeds[UUID(bytes=image)] for image in images} <= {row.pipeline.collection_id}
        assert (row.since or 0) <= row.size <= len(entries)
        if row.how in ("check", "match"):
            assert row.count == len(images) > 0
            assert row.scopes.bit_count() == 1
        else:
            assert not images
        assert (row.since is not None) == (row.how == "delta")


def _days_are_the_roots(entries: Sequence[Entry], story: Sequence[Happened]) -> None:
    """Each day's entry has the root of all rows since the day before it, and none of them is of its own day."""
    indexes = {str(entry.act): entry for entry in entries}
    days = [(indexes[told.act], item) for told in story for item in told.items if item["what"] == "disclosures_logged"]
    rows = list(DisclosureDay.objects.order_by("last"))
    assert [(entry.act, item["first"], item["last"]) for entry, item in days] == [
        (r.act, r.first, r.last) for r in rows
    ]
    before = 0
    for (entry, item), row in zip(days, rows, strict=True):
        told = list(Disclosure.objects.filter(serial__gt=before, serial__lte=row.last).order_by("serial"))
        assert (told[0].serial, told[-1].serial, len(told)) == (item["first"], item["last"], item["count"])
        assert item["count"] == row.count
        assert oracle.root([_leaf(each) for each in told]).hex() == item["root"] == bytes(row.root).hex()
        assert entry.recorded_at.date() not in {each.at.date() for each in told}
        before = row.last


def _leaf(of: Disclosure) -> bytes:
    said = {name: getattr(of, name) for name in ("serial", "how", "scopes", "size", "since", "count")}
    said |= {"pipeline": str(of.pipeline.id), "images": oracle.sha256(bytes(of.images)).hex()}
    return oracle.disclosure(said | {"at": (of.at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)})


def _images_are_unfolded() -> None:
    """By image, what the sets say up to the mark, and nothing else."""
    told = Disclosure.objects.filter(serial__lte=Unfolded.objects.get().serial)
    sets = [(row.serial, row.pipeline_id, row.scopes, bytes(row.images)) for row in told]
    rows = DisclosedImage.objects.values_list("image", "pipeline", "scope", "first")
    found = {(image.bytes, pipeline, scope): first for image, pipeline, scope, first in rows}
    assert found == oracle.first_asked(sets)
