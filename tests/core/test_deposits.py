"""What pipelines leave, what they are told of it later, and what they answer."""

from functools import partial
from uuid import UUID, uuid4

import pytest

from consent.acts.acknowledge import acknowledge
from consent.acts.deposit import deposit
from consent.acts.notify import notify
from consent.errors import AlreadyAnswered, FingerprintMalformed, OutcomeUnknown, UnknownVersion
from consent.models import Deposit, Notification
from consent.reads.notifications import Copied, Notified, notifications
from consent.rules.lifecycle import CaseMove
from consent.rules.likeness import Sighting
from consent.rules.outcomes import OUTCOMES
from consentkit.entries import Leaf
from consentkit.fingerprints.views import VERSION
from registry.errors import NotFound
from registry.models import Entry
from tests.drawn import jpeg
from tests.threads import together
from tests.world import Pipeline, World, altered, opened_collection, views_of_file

FACE, OTHER = jpeg(3), jpeg(4)
CROPPED = altered(FACE, mirror=True, crop=0.8)


def told(world: World, pipeline: Pipeline) -> list[Notified]:
    return list(notifications(world.asker(pipeline), after=0, limit=100).notifications)


def copied(word: Notified) -> Copied:
    assert isinstance(word.about, Copied)
    return word.about


def notified(world: World, lab: Pipeline) -> tuple[UUID, Notified]:
    """Ines' image, and the word to the lab that it uses a copy of it."""
    ines = world.person("ines")
    image = world.image(ines, content=FACE)
    world.deposit(lab, kept=CROPPED, other=OTHER)
    world.withdraw(ines)
    world.protect()
    world.look_back()
    (word,) = told(world, lab)
    return image, word


def test_a_later_withdrawal_reaches_whoever_left_a_copy(world: World) -> None:
    lab = world.pipeline()
    image, word = notified(world, lab)
    of = copied(word)
    assert (of.key, of.image, of.alteration, word.outcome) == ("kept", image, "mirrored, cropped", None)
    assert 0 < of.distance <= 64
    assert world.look_back() == 0


def test_the_same_key_again_replaces_what_was_left(world: World) -> None:
    lab = world.pipeline()
    ines = world.person("ines")
    world.image(ines, content=FACE)
    serial, views = world.asker(lab).serial, partial(views_of_file)
    assert world.deposit(lab, a=CROPPED, b=CROPPED) == 2
    both = [("a", views(CROPPED)), ("a", views(OTHER))]
    assert deposit(serial, version=VERSION, pictures=both, at=world.at) == 1  # of equal keys the last
    assert deposit(serial, version=VERSION, pictures=[], at=world.at) == 0
    assert Deposit.objects.count() == 2
    world.withdraw(ines)
    world.protect()
    world.look_back()
    assert [copied(word).key for word in told(world, lab)] == ["b"]


def test_views_that_are_none_are_refused_with_all_that_came_with_them(world: World) -> None:
    serial = world.asker(world.pipeline()).serial
    with pytest.raises(FingerprintMalformed) as refused:
        deposit(serial, version=VERSION, pictures=[("a", b""), ("b", b"1")], at=world.at)
    assert refused.value.position == 1
    with pytest.raises(UnknownVersion):
        deposit(serial, version=VERSION + 1, pictures=[("a", b"of another form")], at=world.at)
    assert not Deposit.objects.exists()


def test_nobody_hears_of_what_does_not_concern_their_key(world: World) -> None:
    """Another collection, a purpose that they do not have, a picture that is only restricted."""
    elsewhere = world.pipeline("elsewhere", collection=opened_collection("Voices", at=world.at))
    evaluating = world.pipeline("evaluating", purposes=["evaluation"])
    lab = world.pipeline("lab", purposes=["ai_training", "evaluation"])
    for pipeline in (elsewhere, evaluating, lab):
        world.deposit(pipeline, kept=CROPPED)
    ines = world.person("ines")
    image = world.image(ines, content=FACE)
    world.grant(ines)
    world.resolve(world.case(image=image), CaseMove.REJECT)
    world.protect()
    assert world.look_back() == 0
    world.withdraw(ines, purposes=["ai_training"])
    world.protect()
    world.look_back()
    assert [len(told(world, pipeline)) for pipeline in (elsewhere, evaluating, lab)] == [0, 0, 1]
    world.withdraw(ines, purposes=["evaluation"])
    world.protect()
    world.look_back()
    assert [len(told(world, pipeline)) for pipeline in (elsewhere, evaluating, lab)] == [0, 1, 1]


def test_a_deposit_and_a_withdrawal_at_once_never_miss_each_other(world: World) -> None:
    """Leaving first and asking after: what was protected before is in the answer, what is later finds the deposit."""
    ines, lab = world.person("ines"), world.pipeline()
    answers = []

    def leave(key: str, content: bytes) -> None:
        world.deposit(lab, **{key: altered(content, mirror=True)})
        answers.append((key, str(world.match(lab, altered(content, mirror=True)).pictures[0].decision)))

    def withdraw(image: UUID) -> None:
        world.withdraw(ines, [image])
        world.protect()
        world.look_back()

    for seed in range(40, 46):
        content = jpeg(seed, (160, 200))
        image = world.image(ines, content=content)
        assert together(partial(leave, str(seed), content), partial(withdraw, image)) == [None, None]
    known = {key for key, decision in answers if decision == "excluded"} | {
        copied(word).key for word in told(world, lab)
    }
    assert known == {str(seed) for seed in range(40, 46)}


def test_an_answer_is_recorded_once_in_the_log(world: World) -> None:
    lab, other = world.pipeline(), world.pipeline("other")
    _, word = notified(world, lab)
    serial = world.asker(lab).serial
    size = Entry.objects.count()
    recorded = acknowledge(word.id, pipeline=serial, outcome="deleted", at=world.at)
    assert recorded is not None
    assert recorded.index == size
    assert Leaf.decode(bytes(Entry.objects.get(index=size).leaf)).kind == "acknowledged"
    assert [each.outcome for each in told(world, lab)] == ["deleted"]
    assert acknowledge(word.id, pipeline=serial, outcome="deleted", at=world.at) is None
    with pytest.raises(AlreadyAnswered):
        acknowledge(word.id, pipeline=serial, outcome="exempt", at=world.at)
    with pytest.raises(OutcomeUnknown):
        acknowledge(word.id, pipeline=serial, outcome="forgotten", at=world.at)
    for number, asker in ((word.id, world.asker(other).serial), (uuid4(), serial)):
        with pytest.raises(NotFound):
            acknowledge(number, pipeline=asker, outcome="deleted", at=world.at)
    assert Entry.objects.count() == size + 1


def test_answering_from_several_connections_records_one(world: World) -> None:
    lab = world.pipeline()
    _, word = notified(world, lab)
    serial = world.asker(lab).serial
    said = together(
        *[partial(acknowledge, word.id, pipeline=serial, outcome=outcome, at=world.at) for outcome in OUTCOMES]
    )
    assert sum(isinstance(each, AlreadyAnswered) for each in said) == len(OUTCOMES) - 1
    assert len([each for each in said if not isinstance(each, Exception) and each is not None]) == 1


def test_an_unanswered_word_is_not_repeated_and_an_answered_one_may_be(world: World) -> None:
    lab = world.pipeline()
    image, word = notified(world, lab)
    serial = world.asker(lab).serial
    again = Sighting(serial, "kept", image, copied(word).distance, copied(word).alteration)
    assert notify([again, again], at=world.at) == 0
    acknowledge(word.id, pipeline=serial, outcome="exempt", at=world.at)
    assert notify([again, again], at=world.at) == 1
    assert notify([], at=world.at) == 0


def test_a_reader_who_goes_on_behind_the_last_number_misses_nothing(world: World) -> None:
    """Numbers are given in the order of commits, however many notify at once."""
    lab = world.pipeline()
    image, _ = notified(world, lab)
    asker, writers = world.asker(lab), 4
    seen: list[UUID] = []

    def tell(writer: int) -> None:
        for number in range(10):
            notify([Sighting(asker.serial, f"{writer}.{number}", image, 5, "none")], at=world.at)

    def read() -> None:
        after = 0
        for _ in range(300):
            page = notifications(asker, after=after, limit=7)
            seen.extend(each.id for each in page.notifications)
            after = page.next

    assert [each for each in together(*[partial(tell, n) for n in range(writers)], read) if each is not None] == []
    assert len(seen) == len(set(seen))
    rest = notifications(asker, after=Notification.objects.get(id=seen[-1]).serial, limit=100).notifications
    assert {*seen, *(each.id for each in rest)} == set(Notification.objects.values_list("id", flat=True))
    assert Notification.objects.count() == 1 + writers * 10
