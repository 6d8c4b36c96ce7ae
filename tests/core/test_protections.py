"""Images whose copies are looked for: their rows follow the standings, and their numbers the commits."""

from functools import partial
from uuid import UUID

from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent.acts.protect import protect, searched
from consent.exclusions.rebuild import rebuild
from consent.models import Protection, Standing
from consent.reads import protections
from consent.rules.lifecycle import CaseMove
from consentkit.fingerprints.views import VERSION
from consentkit.scopes import AUDIENCES
from registry.models import Entry
from tests.drawn import jpeg
from tests.threads import together
from tests.world import World

FACE = jpeg(3, (160, 200))


def rows() -> dict[UUID, tuple[bool, bool]]:
    """By image: whether it has views, whether its copies were looked for."""
    found = Protection.objects.values_list("image", "serial", "searched_at")
    return {image: (serial is not None, at is not None) for image, serial, at in found}


def test_what_becomes_protected_waits_for_its_views(world: World) -> None:
    ines = world.person("ines")
    withdrawn, restricted, revoked, permitted = (world.image(ines) for _ in range(4))
    world.grant(ines)
    assert rows() == {}
    world.withdraw(ines, [withdrawn], purposes=["evaluation"])
    world.case(image=restricted, claimant="one")
    world.resolve(world.case(image=revoked, claimant="two"), CaseMove.ACCEPT)
    assert rows() == dict.fromkeys((withdrawn, restricted, revoked), (False, False))
    assert set(protections.waiting(10)) == {withdrawn, restricted, revoked}
    assert protections.waiting(1) == [withdrawn]
    assert permitted not in rows()


def test_an_image_protected_before_it_is_registered_waits_from_its_registration(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines, registered=False)
    rejected = world.image(ines, registered=False)
    world.withdraw(ines)
    assert rows() == {}
    world.register(image)
    world.reject(rejected)
    assert rows() == {image: (False, False)}


def test_storing_views_is_no_act_and_happens_once(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines, content=FACE)
    world.withdraw(ines)
    entries = Entry.objects.count()
    assert protect(image, version=VERSION, views=b"v" * 40)
    assert not protect(image, version=VERSION, views=b"w" * 40)
    assert not protect(world.image(ines), version=VERSION, views=b"v" * 40)
    assert protections.views(image) == b"v" * 40
    assert protections.waiting(10) == []
    assert Entry.objects.count() == entries + 2  # the other image came, and was registered


def test_numbers_follow_the_commits_and_never_come_again(world: World) -> None:
    ines = world.person("ines")
    images = [world.image(ines) for _ in range(12)]
    world.withdraw(ines)
    done = together(*[partial(protect, image, version=VERSION, views=bytes(40)) for image in images])
    assert done == [True] * len(images)
    serials = set(Protection.objects.values_list("serial", flat=True))
    assert len(serials) == len(images)
    world.grant(ines)
    world.withdraw(ines, [images[0]])
    protect(images[0], version=VERSION, views=bytes(40))
    assert Protection.objects.get(image=images[0]).serial not in serials
    assert Protection.objects.all().latest_serial() == Protection.objects.get(image=images[0]).serial


def test_copies_are_looked_for_once_for_each_decision(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines, content=FACE)
    world.withdraw(ines, purposes=["ai_training"])
    assert protections.unsearched(10) == []  # it has no views yet
    world.protect()
    (first,) = protections.unsearched(10)
    assert first.image == image
    searched(image, serial=first.serial, at=world.at)
    assert rows() == {image: (True, True)}
    world.withdraw(ines, purposes=["ai_training"])  # a repeat
    world.case(image=image)
    assert rows() == {image: (True, True)}
    world.withdraw(ines, purposes=["evaluation"])
    assert rows() == {image: (False, False)}
    world.protect()
    searched(image, serial=first.serial, at=world.at)  # a search that began before
    assert rows() == {image: (True, False)}
    assert [each.image for each in protections.unsearched(10)] == [image]


def test_a_suspicion_is_not_looked_for_and_an_end_of_protection_neither(world: World) -> None:
    ines = world.person("ines")
    restricted, granted = world.image(ines), world.image(ines)
    case = world.case(image=restricted)
    world.withdraw(ines, [granted])
    world.protect()
    for audience in AUDIENCES:
        world.grant(ines, [granted], audience=audience)
    assert protections.unsearched(10) == []
    world.resolve(case, CaseMove.ACCEPT)
    world.protect()
    assert [each.image for each in protections.unsearched(10)] == [restricted]


def test_rebuilding_the_standings_comes_to_the_same(world: World) -> None:
    ines, jo = world.person("ines"), world.person("jo")
    images = [world.image(ines, content=FACE) for _ in range(1)] + [world.image(ines) for _ in range(2)]
    world.image(jo, content=FACE)
    world.image(ines, registered=False)
    world.withdraw(ines)
    world.withdraw(jo)
    world.protect()
    world.look_back()
    before = rows()
    assert set(before) == set(images)
    rebuild()
    assert rows() == before
    Protection.objects.filter(image=images[0]).delete()
    rebuild()
    assert rows() == before | {images[0]: (False, False)}


def test_many_images_take_two_more_statements(world: World) -> None:
    ines = world.person("ines")
    for _ in range(40):
        world.image(ines)
    with CaptureQueriesContext(connection) as captured:
        world.withdraw(ines)
    said = [query["sql"] for query in captured if "consent_protection" in query["sql"]]
    assert len(said) == 2
    assert Protection.objects.count() == 40


@given(
    st.lists(
        st.tuples(st.sampled_from(["withdraw", "grant", "restrict", "reject", "protect", "look"]), st.integers(0, 2)),
        max_size=12,
    )
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_the_protected_have_rows(world: World, said: list[tuple[str, int]]) -> None:
    """And what somebody decided is looked for, unless it was since that decision."""
    ines = world.person(f"ines{Entry.objects.count()}")
    images = [world.image(ines) for _ in range(3)]
    world.publish()
    decided: set[UUID] = set()
    cases: list[UUID] = []
    for verb, which in said:
        image = images[which]
        if verb == "withdraw" and not world.withdraw(ines, [image]).repeated:
            decided.add(image)
        if verb == "grant":
            world.grant(ines, [image])
        if verb == "restrict":
            cases.append(world.case(image=image, claimant=f"{len(cases)}{ines}"))
        if verb == "reject" and cases:
            world.resolve(cases.pop(), CaseMove.REJECT)
        if verb == "protect":
            world.protect()
        if verb == "look":
            world.protect()
            world.look_back()
            decided = {image for image in decided if 20 not in Standing.objects.get(image=image).reason}
    world.protect()
    protecting = {row.image_id for row in Standing.objects.filter(image__in=images, reason__overlap=[20, 30, 50])}
    assert protecting <= set(rows())
    wanted = {image for image in decided if 20 in Standing.objects.get(image=image).reason}
    assert {each.image for each in protections.unsearched(1000)} & set(images) == wanted
