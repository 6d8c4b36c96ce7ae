"""What pipelines attest, and what they are told when something in it is taken back."""

import random
import secrets
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection

from consent.acts.acknowledge import acknowledge
from consent.acts.attest import Attested, attest
from consent.acts.look_over import look_over, look_past
from consent.errors import (
    KeysDiffer,
    KeysNotOurs,
    PurposeNotCovered,
    PurposeUnknown,
    SizeAhead,
    SizeTooOld,
    StatementMalformed,
    StatementUnsigned,
)
from consent.models import Manifest, ManifestImage, ManifestLook, Notification, NotificationImage
from consent.reads import lookouts
from consent.reads.manifests import Affected, affected, manifest, manifests, receipt_of
from consent.reads.notifications import Notified, Taken, images_of, notifications
from consent.rules.lifecycle import CaseMove
from consentkit.entries import Leaf
from consentkit.notes import Signer
from consentkit.receipts import verify
from registry.errors import NotFound, Refusal
from registry.log.readiness import LogInDoubt
from registry.log.recorder import head_size
from registry.log.signer import verifier
from registry.models import Entry
from tests import statements
from tests.threads import Gate, together
from tests.world import Pipeline, World, digest_of, opened_collection


def granted(world: World, name: str, count: int = 1) -> list[UUID]:
    """Images of somebody, which every pipeline for research may use."""
    person = world.person(name)
    images = [world.image(person) for _ in range(count)]
    world.grant(person, images)
    return images


def told(world: World, pipeline: Pipeline) -> list[Notified]:
    return list(notifications(world.asker(pipeline), after=0, limit=100).notifications)


def taken(word: Notified) -> dict[UUID, str]:
    """What a notification says is to be done about which image."""
    assert isinstance(word.about, Taken)
    return {each.image: each.reason for each in word.about.images}


def news(world: World, pipeline: Pipeline) -> list[dict[UUID, str]]:
    return [taken(word) for word in told(world, pipeline)]


def of(
    world: World, pipeline: Pipeline, attested: Attested, *, after: UUID | None = None, limit: int = 100
) -> Affected:
    return affected(world.asker(pipeline), attested.manifest, after=after, limit=limit, at=world.at)


def test_what_is_attested_stands_in_the_log(world: World) -> None:
    lab, images = world.pipeline(), granted(world, "ines", 3)
    before = head_size()
    done = world.attest(lab, *images, secrets.token_bytes(32))
    assert (done.index, done.repeated) == (before, False)
    assert Leaf.decode(bytes(Entry.objects.get(index=before).leaf)).kind == "manifest_attested"
    size, found = manifest(world.asker(lab), done.manifest)
    assert size == before + 1
    assert (found.sent, found.images, found.size, found.index) == (4, 3, before, before)
    assert (found.model, found.name, found.purpose) == ("face-1", "run 7", "ai_training")
    assert found.counts == {"rows": 7, "kept": 4, "excluded": 2, "unknown": 1, "out_of_scope": 0}
    assert manifests(world.asker(lab), after=0, limit=10).manifests == (found,)
    assert told(world, lab) == []
    assert world.look_over() == 0


def test_the_receipt_proves_the_statement(world: World) -> None:
    lab, images = world.pipeline(), granted(world, "ines")
    done = world.attest(lab, *images)
    assert receipt_of(world.asker(lab), done.manifest) is None
    world.publish()
    held = receipt_of(world.asker(lab), done.manifest)
    assert held is not None
    (item,) = verify(held, verifier()).items
    assert (item["statement"], item["images"]) == (bytes(Manifest.objects.get().digest).hex(), 1)


def test_the_same_statement_again_is_the_same_manifest(world: World) -> None:
    lab, images = world.pipeline(), granted(world, "ines")
    size = head_size()
    first = world.attest(lab, *images, size=size)
    before = head_size()
    again = world.attest(lab, *images, size=size)
    assert (again.manifest, again.index, again.repeated) == (first.manifest, first.index, True)
    assert head_size() == before
    other = world.pipeline("other")
    assert not world.attest(other, *images, size=size).repeated
    assert world.attest(lab, *images, size=size, name="run 8").manifest != first.manifest


def test_the_same_statement_twice_at_once_is_attested_once(world: World) -> None:
    lab, images = world.pipeline(), granted(world, "ines", 2)
    job = partial(world.attest, lab, *images, size=head_size())
    found = together(*[job] * 4)
    assert len({each.manifest for each in found}) == 1
    assert sorted(each.repeated for each in found) == [False, True, True, True]


def test_only_images_of_the_collection_become_rows(world: World) -> None:
    lab, (image,) = world.pipeline(), granted(world, "ines")
    elsewhere = opened_collection("Other", at=world.at)
    content = secrets.token_bytes(64)
    shared = world.image(world.person("ines"), content=content)
    assert world.image(world.person("jo"), content=content) == shared
    foreign = world.image(world.person("ines"), collection=elsewhere)
    done = world.attest(lab, image, image, foreign, digest_of(shared))
    _, found = manifest(world.asker(lab), done.manifest)
    kept = set(ManifestImage.objects.values_list("image", flat=True))
    assert (found.sent, found.images) == (4, 2)
    assert kept == {image, shared}


# What is refused


def _head(note: str) -> str:
    """All of it but its signatures."""
    return note.rpartition("\n\n")[0] + "\n\n"


def refused(world: World, lab: Pipeline, note: str, keys: list[bytes]) -> type[Refusal]:
    """The refusal; nothing was written."""
    before = head_size()
    with pytest.raises(Refusal) as caught:
        attest(world.asker(lab).serial, note=note, keys=keys, at=world.at)
    assert head_size() == before
    assert not Manifest.objects.exists()
    return caught.type


def test_each_bad_statement_has_its_refusal(world: World, subtests: pytest.Subtests) -> None:
    lab = world.pipeline(purposes=["ai_training"])
    keys = [digest_of(image) for image in granted(world, "ines", 2)]
    size = head_size()
    good = statements.note(keys, size=size)
    made, signer = partial(statements.note, keys, size=size), Signer.generate("other")
    forged = statements.sign_statement(statements.statement(keys, size=size), signer, origin="elsewhere.example/log")
    counts = statements.Counts(1, 2, 0, 0, 0)
    cases: dict[str, tuple[str, type[Refusal]]] = {
        "not a note": ("{}", StatementMalformed),
        "empty": ("", StatementMalformed),
        "half a surrogate": ("\ud800", StatementMalformed),
        "too long": (good + "x" * 70_000, StatementMalformed),
        "another registry": (forged, StatementMalformed),
        "altered": (good.replace("face-1", "face-2"), StatementUnsigned),
        "another's signature": (_head(good) + made(signer=signer).rpartition("\n\n")[2], StatementUnsigned),
        "counts that do not add up": (made(counts=counts), StatementMalformed),
        "no model": (made(model=""), StatementMalformed),
        "a path": (made(inputs=(statements.Made("../x", 1, 1, "aa" * 32),)), StatementMalformed),
        "no inputs": (made(inputs=()), StatementMalformed),
        "a digest in capitals": (made(outputs=(statements.Made("x", 1, 1, "AA" * 32),)), StatementMalformed),
        "a line's end in a name": (made(name="a\nb"), StatementMalformed),
        "unknown purpose": (made(purpose="ai"), PurposeUnknown),
        "a purpose of others": (made(purpose="data_mining"), PurposeNotCovered),
        "ahead": (statements.note(keys, size=size + 1), SizeAhead),
    }
    for row, (note, expected) in cases.items():
        with subtests.test(row):
            assert refused(world, lab, note, keys) is expected
    foreign = [secrets.token_bytes(32)]
    for row, sent, signed, wrong in (
        ("cut", keys[:1], keys, KeysDiffer),
        ("turned round", keys[::-1], keys, KeysDiffer),
        ("none", [], keys, KeysDiffer),
        ("nobody knows them", foreign, foreign, KeysNotOurs),
    ):
        with subtests.test(row):
            assert refused(world, lab, statements.note(signed, size=size), sent) is wrong


def test_a_size_is_too_old_a_lease_after_it_was_the_newest(world: World) -> None:
    lab, (image,) = world.pipeline(), granted(world, "ines")
    size = head_size()
    world.later(days=20)
    fresh = world.attest(lab, image, size=size)  # nothing has happened since, so it is the newest all the time
    assert fresh.index == size
    world.later(days=6, hours=23)
    assert world.attest(lab, image, size=size, name="late").index == size + 1
    world.later(hours=1, seconds=1)
    with pytest.raises(SizeTooOld):
        world.attest(lab, image, size=size, name="too late")


# What pipelines are told


def test_a_withdrawal_is_one_notification_however_many_images(world: World) -> None:
    lab, other = world.pipeline(), world.pipeline("other")
    mine, hers = granted(world, "ines", 25), granted(world, "jo", 2)
    done = world.attest(lab, *mine, *hers)
    world.attest(other, *hers)
    world.withdraw(world.person("ines"))
    assert world.look_over() == 1
    (word,) = told(world, lab)
    assert isinstance(word.about, Taken)
    assert (word.about.manifest, word.about.count, len(word.about.images)) == (done.manifest, 25, 20)
    assert told(world, other) == []
    first = images_of(world.asker(lab), word.id, after=None, limit=20)
    rest = images_of(world.asker(lab), word.id, after=first.next, limit=20)
    assert {each.image for each in (*first.images, *rest.images)} == set(mine)
    assert {each.sha256 for each in first.images} <= {digest_of(image).hex() for image in mine}
    assert rest.next is None
    with pytest.raises(NotFound):
        images_of(world.asker(other), word.id, after=None, limit=20)
    assert world.look_over() == 0


def test_each_manifest_and_each_act_has_its_own(world: World) -> None:
    lab, (first, second) = world.pipeline(), granted(world, "ines", 2)
    world.attest(lab, first, second)
    world.attest(lab, first, name="run 8")
    for image in (first, second):
        world.withdraw(world.person("ines"), [image])
    assert world.look_over() == 3
    assert sorted(map(len, news(world, lab))) == [1, 1, 1]


def test_what_was_taken_before_is_told_with_the_attestation(world: World) -> None:
    lab, (first, second, third) = world.pipeline(), granted(world, "ines", 3)
    size = head_size()
    world.withdraw(world.person("ines"), [first])
    world.case(image=second)
    done = world.attest(lab, first, second, third, size=size)
    (word,) = told(world, lab)
    assert taken(word) == {first: "remove", second: "wait"}
    assert Notification.objects.get().act == Entry.objects.get(index=done.index).act
    assert world.look_over() == 0


def test_an_act_of_another_purpose_is_no_news(world: World) -> None:
    lab, (image,) = world.pipeline(), granted(world, "ines")
    world.attest(lab, image)
    world.withdraw(world.person("ines"), purposes=["evaluation"])
    assert world.look_over() == 0
    world.withdraw(world.person("ines"), purposes=["ai_training"])
    assert world.look_over() == 1


def test_an_image_is_told_again_only_where_more_must_be_done(world: World) -> None:
    lab, (image,) = world.pipeline(), granted(world, "ines")
    world.attest(lab, image)
    case = world.case(image=image)
    world.look_over()
    world.case(image=image, claimant="another@example.org")
    world.look_over()
    assert news(world, lab) == [{image: "wait"}]
    world.withdraw(world.person("ines"), purposes=["ai_training"])
    world.look_over()
    world.withdraw(world.person("ines"))
    world.look_over()
    world.resolve(case, CaseMove.ACCEPT)
    world.look_over()
    assert news(world, lab) == [{image: "wait"}, {image: "remove"}]


def test_taken_back_again_after_a_new_grant_is_news(world: World) -> None:
    lab, (image,) = world.pipeline(), granted(world, "ines")
    world.attest(lab, image)
    for _ in range(2):
        world.withdraw(world.person("ines"))
        world.look_over()
        world.grant(world.person("ines"), [image])
        world.look_over()
    assert news(world, lab) == [{image: "remove"}] * 2
    assert of(world, lab, Attested(told(world, lab)[0].about.manifest, 0)).images == ()  # type: ignore[union-attr]


def test_a_derived_image_is_told_with_its_source(world: World) -> None:
    lab, (image,) = world.pipeline(), granted(world, "ines")
    crop = world.image(world.person("ines"), derived_from=image)
    world.grant(world.person("ines"), [crop])
    world.attest(lab, image, crop)
    world.withdraw(world.person("ines"), [image])
    world.look_over()
    assert news(world, lab) == [{image: "remove", crop: "not_covered"}]


def test_the_answer_stands_in_the_log(world: World) -> None:
    lab, (image,) = world.pipeline(), granted(world, "ines")
    world.attest(lab, image)
    world.withdraw(world.person("ines"))
    world.look_over()
    (word,) = told(world, lab)
    recorded = acknowledge(word.id, pipeline=world.asker(lab).serial, outcome="retrained", at=world.at)
    assert recorded is not None
    assert [each.outcome for each in told(world, lab)] == ["retrained"]
    assert world.look_over() == 0


def test_a_look_that_dies_is_done_again(world: World) -> None:
    """The transaction ends with the worker: nothing is told twice, and nothing is lost."""
    lab, (image,) = world.pipeline(), granted(world, "ines")
    world.attest(lab, image)
    world.withdraw(world.person("ines"))
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE consent_manifestlook ADD CONSTRAINT dies CHECK (size < 0) NOT VALID")
    with pytest.raises(DatabaseError):
        world.look_over()
    assert told(world, lab) == []
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE consent_manifestlook DROP CONSTRAINT dies")
    assert world.look_over() == 1
    assert news(world, lab) == [{image: "remove"}]


def test_many_acts_are_compared_in_steps(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookouts, "ENTRIES", 2)
    lab, images = world.pipeline(), granted(world, "ines", 5)
    world.attest(lab, *images)
    world.attest(lab, images[0], name="other")
    for image in images:
        world.withdraw(world.person("ines"), [image])
    assert world.look_over() == 6
    assert lookouts.behind() is None
    assert set(ManifestLook.objects.values_list("size", flat=True)) == {head_size()}


def test_a_look_never_goes_back(world: World) -> None:
    lab, (image,) = world.pipeline(), granted(world, "ines")
    world.attest(lab, image)
    world.look_over()
    look = ManifestLook.objects.get()
    look_past([look.manifest_id], size=look.size - 1)
    assert ManifestLook.objects.get().size == look.size


# What of it may be used today


def test_affected_says_what_is_not_permitted_now(world: World) -> None:
    lab, images = world.pipeline(), granted(world, "ines", 4)
    brief = world.image(world.person("ines"))
    world.grant(world.person("ines"), [brief], until=world.at + timedelta(days=1))
    done = world.attest(lab, *images, brief)
    none = of(world, lab, done)
    assert (none.images, none.counts) == ((), {"remove": 0, "wait": 0, "not_covered": 0, "unknown": 0})
    withdrawn = world.withdraw(world.person("ines"), images[:2])
    world.case(image=images[2])
    world.later(days=2)
    world.publish()
    found = of(world, lab, done)
    assert found.size == head_size()
    assert found.counts == {"remove": 2, "wait": 1, "not_covered": 1, "unknown": 0}
    by_image = {each.image: each for each in found.images}
    assert {image: each.reason for image, each in by_image.items()} == {
        images[0]: "remove",
        images[1]: "remove",
        images[2]: "wait",
        brief: "not_covered",
    }
    assert by_image[images[0]].since == withdrawn.index
    assert by_image[images[0]].sha256 == digest_of(images[0]).hex()
    first = of(world, lab, done, limit=3)
    rest = of(world, lab, done, after=first.next, limit=3)
    assert (*first.images, *rest.images) == found.images
    assert (rest.counts, rest.next) == (None, None)


def test_affected_says_nothing_in_doubt(world: World) -> None:
    lab, images = world.pipeline(), granted(world, "ines")
    done = world.attest(lab, *images)
    world.later(seconds=31)
    with pytest.raises(LogInDoubt):
        of(world, lab, done)


def test_a_manifest_of_others_is_as_absent_as_one_that_never_was(world: World) -> None:
    lab, other = world.pipeline(), world.pipeline("other")
    done = world.attest(lab, *granted(world, "ines"))
    asker = world.asker(other)
    for number in (done.manifest, uuid4()):
        for read in (manifest, receipt_of, partial(affected, after=None, limit=1, at=world.at)):
            with pytest.raises(NotFound, match="There is no such manifest for this key"):
                read(asker, number)  # type: ignore[operator]
    assert manifests(asker, after=0, limit=10).manifests == ()


# At once


def answers(world: World, lab: Pipeline) -> Iterator[UUID]:
    for each in NotificationImage.objects.filter(notification__pipeline=world.asker(lab).serial, over=False):
        yield each.image_id


def test_a_withdrawal_that_commits_before_the_attestation_is_told(world: World) -> None:
    """The attestation has read the standings, and waits for the counter: the withdrawal comes before it in the log."""
    lab, (image,) = world.pipeline(), granted(world, "ines")
    other = world.attest(lab, image, name="another run, so that the looks have passed this point")
    gate = Gate("registry_loghead")
    with gate.stopped(partial(world.attest, lab, image)) as attesting:
        withdrawn = world.withdraw(world.person("ines"))
        assert world.look_over() == 1
    done = attesting.result()
    assert other.index < withdrawn.index < done.index
    assert len(told(world, lab)) == 1
    assert world.look_over() == 1
    assert {each.about.manifest for each in told(world, lab)} == {other.manifest, done.manifest}  # type: ignore[union-attr]


@pytest.mark.parametrize("seed", range(4))
def test_a_withdrawal_while_it_is_attested_is_never_lost(world: World, seed: int) -> None:
    """Attestations, withdrawals and looks at one moment: whatever was taken is told in the end, and once."""
    lab, chance = world.pipeline(), random.Random(seed)
    people = {name: granted(world, name, 3) for name in ("ines", "jo", "kim")}
    images = [image for each in people.values() for image in each]
    size = head_size()

    def looks() -> None:
        for _ in range(5):
            world.look_over()

    jobs: list[Any] = [partial(world.attest, lab, *images, size=size, name=f"{run}") for run in range(3)]
    jobs += [partial(world.withdraw, world.person(name)) for name in people]
    jobs += [looks, looks]
    chance.shuffle(jobs)
    assert not [each for each in together(*jobs) if isinstance(each, Exception)]
    world.look_over()
    found = sorted(answers(world, lab))
    assert found == sorted(images * 3)


def test_two_workers_tell_it_once(world: World) -> None:
    lab, images = world.pipeline(), granted(world, "ines", 30)
    world.attest(lab, *images)
    for image in images:
        world.withdraw(world.person("ines"), [image])
    serial = Manifest.objects.get().serial
    told_by = together(*[partial(look_over, serial, at=world.at)] * 4)
    assert sorted(each or 0 for each in told_by) == [0, 0, 0, 30]
    assert len(told(world, lab)) == 30
