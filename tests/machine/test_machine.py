"""An executable model of the whole: random acts of three people, a steward and the clock, against the naive oracle."""

import secrets
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.db.models import Max
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)
from pytest_django import DjangoDbBlocker, Settings

from consent import errors
from consent.acts.close_day import close_day
from consent.acts.unfold import unfold
from consent.models import Case, Disclosure, DisclosureDay, ManifestLook, Notification
from consent.reads.disclosures import any_to_unfold
from consent.reads.statements import statements
from consent.rules.lifecycle import DECISIONS, CaseMove
from consent.rules.reasons import Decision
from registry.errors import DerivationCircle, NotFound, StatementDismissed, StatementLooser
from registry.log.publisher import latest
from registry.log.readiness import LogInDoubt
from registry.log.recorder import head_size
from registry.models import Bringing, Depiction, Entry, Image
from tests import databases, oracle
from tests.checker import check_world, story
from tests.world import World, digest_of

NAMES: Final = ["ines", "jo", "kim"]
WHO = st.sampled_from(NAMES)
PURPOSES = st.lists(st.sampled_from(oracle.PURPOSES), min_size=1, max_size=5, unique=True)
AUDIENCE = st.sampled_from(oracle.AUDIENCES)


class Registry(RuleBasedStateMachine):
    """Every act either does what the oracle says it does, or is refused for a reason the model can name."""

    template: str
    folders: Path
    paths: Settings

    images = Bundle("images")
    cases = Bundle("cases")

    def __init__(self) -> None:
        super().__init__()
        self.stop = ExitStack()
        name = f"{self.template}_{secrets.token_hex(4)}"
        for folder in ("IMAGE_DIR", "CHECKPOINT_DIR", "SNAPSHOT_DIR"):
            setattr(self.paths, folder, self.folders / name / folder.lower())
        self.stop.enter_context(databases.cloned(self.template, name))
        self.stop.enter_context(databases.pointed_at(name))
        self.world = World.begun()
        self.lab = {audience: self.world.pipeline(audience, audience=audience) for audience in oracle.AUDIENCES}
        for who in NAMES:
            self.world.person(who)
        self.open: set[UUID] = set()

    def teardown(self) -> None:
        with self.stop:
            self.world.look_over()
            check_world()

    @initialize(target=images)
    def begin(self) -> Any:
        """One picture each, and one that two of them have."""
        ines, jo = self.world.person("ines"), self.world.person("jo")
        return multiple(self.world.image(ines, content=b"0"), self.world.image(jo, content=b"0"))

    # What people do

    @rule(
        target=images,
        who=WHO,
        content=st.sampled_from([None, b"0", b"1"]),
        depicts=st.sampled_from(["self", "self", "self unknown", "nobody", "jo@example.com"]),
        registered=st.booleans(),
        source=st.none() | images,
    )
    def submit(self, who: str, content: bytes | None, depicts: str, registered: bool, source: UUID | None) -> Any:
        person = self.world.person(who)
        foreign = source is not None and source not in self._brought(person)
        before = head_size()
        try:
            image = self.world.image(
                person, content=content, depicts=depicts, registered=registered, derived_from=source or ()
            )
        except NotFound:  # made from somebody else's picture
            assert foreign
            assert head_size() == before
            return multiple()
        except (StatementLooser, StatementDismissed, DerivationCircle):
            assert head_size() == before
            return multiple()
        return image

    @rule(who=WHO, image=images, depicts=st.sampled_from(["self", "self unknown", "nobody"]), source=st.none() | images)
    def correct(self, who: str, image: UUID, depicts: str, source: UUID | None) -> None:
        person, before = self.world.person(who), head_size()
        try:
            recorded = self.world.correct(person, image, depicts, derived_from=[source] if source else [])
        except NotFound:
            assert {image, source or image} - self._theirs(person)
            assert head_size() == before
        except DerivationCircle:
            assert head_size() == before
        else:
            assert head_size() == before + (recorded is not None)

    @rule(pick=st.randoms(use_true_random=False))
    def judge(self, pick: Any) -> None:
        """A worker puts what people differ about on the desk; a steward finds one of the statements false, or none."""
        for case in self.world.hear():
            bringers = statements(UUID(Case.objects.get(id=case).asked))
            live = [each.person for each in bringers if not each.dismissed]
            self.world.judge(case, *pick.sample(live, pick.randint(0, 1)))

    @rule(image=images)
    def register(self, image: UUID) -> None:
        self.world.register(image)

    @rule(image=images)
    def reject(self, image: UUID) -> None:
        self.world.reject(image)

    @rule(
        who=WHO,
        chosen=st.just("all") | st.lists(images, min_size=1, max_size=3),
        purposes=PURPOSES,
        audience=AUDIENCE,
        days=st.sampled_from([1, 30, 365]),
    )
    def grant(self, who: str, chosen: Any, purposes: Sequence[str], audience: str, days: int) -> None:
        person, before, doubted = self.world.person(who), head_size(), self._doubted()
        until = self.world.at + timedelta(days=days)
        try:
            self.world.grant(person, chosen, purposes=purposes, audience=audience, until=until)
        except NotFound:  # one of them is somebody else's
            assert set(chosen) - self._theirs(person)
            assert head_size() == before
        except LogInDoubt:  # nobody has published for more than half a minute
            assert doubted
            assert head_size() == before
        except (errors.NotDepicted, errors.ImageRevoked, errors.ImageRejected, errors.NothingToGrant):
            assert head_size() == before
        else:
            assert not doubted
            assert head_size() == before + 1

    @rule(who=WHO, chosen=st.just("all") | st.lists(images, min_size=1, max_size=3), purposes=PURPOSES)
    def withdraw(self, who: str, chosen: Any, purposes: Sequence[str]) -> None:
        """Law 2, at once and for every audience; and law 9: only a foreign image is refused."""
        person, before = self.world.person(who), head_size()
        covered = self._theirs(person) if chosen == "all" else set(chosen)
        try:
            taken = self.world.withdraw(person, chosen, purposes=purposes)
        except NotFound:
            assert covered - self._theirs(person)
            assert head_size() == before
            return
        assert not covered - self._theirs(person)
        assert taken.repeated == (head_size() == before)
        assert taken.index < head_size()
        for purpose in purposes:
            for lab in self.lab.values():
                for decided in self.world.check(lab, *covered, purpose=purpose).decisions:
                    assert decided.decision is not Decision.PERMITTED

    # What stewards, the publisher and the clock do

    @rule(target=cases, image=images, by_digest=st.booleans(), claimant=WHO)
    def open_case(self, image: UUID, by_digest: bool, claimant: str) -> UUID:
        found = {"sha256": digest_of(image)} if by_digest else {"image": image}
        case = self.world.case(**found, claimant=claimant)
        self.open.add(case)
        return case

    @rule(case=consumes(cases) | cases, move=st.sampled_from(DECISIONS))
    def resolve(self, case: UUID, move: CaseMove) -> None:
        try:
            self.world.resolve(case, move)
        except errors.CaseClosed:  # somebody was first
            assert case not in self.open
        else:
            assert case in self.open
            self.open.discard(case)

    @rule()
    def publish(self) -> None:
        self.world.publish()
        assert not self._doubted()

    @rule(by=st.sampled_from([timedelta(seconds=20), timedelta(days=2), timedelta(days=40)]))
    def wait(self, by: timedelta) -> None:
        self.world.at += by

    # What pipelines see

    @rule(purpose=st.sampled_from(oracle.PURPOSES), audience=AUDIENCE)
    def ask(self, purpose: str, audience: str) -> None:
        """Every image, a stranger, and the same keys again: one answer each, as the oracle decides."""
        told, now, doubted = story(), int(self.world.at.timestamp()), self._doubted()
        images = oracle.images(told)
        checked = self.world.asks(self.lab[audience], *images, UUID(int=7), *images[:1], purpose=purpose)
        expected = [oracle.decide(told, image, purpose, audience, now) for image in images]
        if doubted:
            expected = ["unknown" if word == "permitted" else word for word in expected]
        assert checked.size == len(told)
        assert [decided.decision for decided in checked.decisions] == [*expected, "unknown", *expected[:1]]
        assert now < checked.valid_until <= now + 900
        answered = [str(UUID(bytes=checked.images[at : at + 16])) for at in range(0, len(checked.images), 16)]
        assert sorted(answered) == sorted(images)
        kept = Disclosure.objects.latest("serial")
        assert bytes(kept.images) == b"".join(sorted(UUID(image).bytes for image in images))
        assert (kept.size, kept.at) == (len(told), self.world.at)

    @rule()
    def unfold(self) -> None:
        """After it the checker knows of every image who asked."""
        while unfold():
            pass
        assert not any_to_unfold()

    @rule()
    def close_day(self) -> None:
        """One entry where a day is over that has none; at the same moment again, none."""
        closed = DisclosureDay.objects.aggregate(last=Max("last"))["last"] or 0
        today = self.world.at.replace(hour=0, minute=0, second=0, microsecond=0)
        due = Disclosure.objects.filter(serial__gt=closed, at__lt=today).exists()
        before = head_size()
        assert (close_day(at=self.world.at) is not None) == due
        assert close_day(at=self.world.at) is None
        assert head_size() == before + due

    @rule(chosen=st.lists(images, min_size=1, max_size=3), purpose=st.sampled_from(oracle.PURPOSES), audience=AUDIENCE)
    def attest(self, chosen: list[UUID], purpose: str, audience: str) -> None:
        """Whatever stands against it already is told with it."""
        digests = {digest_of(image) for image in chosen}
        ours = Image.objects.filter(sha256__in=digests).values_list("id", flat=True)
        before = head_size()
        try:
            done = self.world.attest(self.lab[audience], *chosen, purpose=purpose, name=secrets.token_hex(8))
        except errors.KeysNotOurs:
            assert not ours
            assert head_size() == before
            return
        told, scope = story(), oracle.SCOPES.index((purpose, audience))
        rulings = [oracle.standing(oracle.concerning(told, str(image)), str(image))[scope] for image in ours]
        against = [reason for _, reason in rulings if reason and oracle.TOLD[reason] != "unknown"]
        word = Notification.objects.filter(act=Entry.objects.get(index=done.index).act).first()
        assert (word.count if word else 0) == len(against)

    @rule()
    def look_over(self) -> None:
        """After it the checker knows of every manifest whether all was told, and nothing in vain."""
        self.world.look_over()
        assert set(ManifestLook.objects.values_list("size", flat=True)) <= {head_size()}

    # What the model knows

    def _brought(self, person: UUID) -> set[UUID]:
        return set(Bringing.objects.filter(person=person, dismissed=False).values_list("image", flat=True))

    def _theirs(self, person: UUID) -> set[UUID]:
        shown = Depiction.objects.filter(person=person, confirmed=True).values_list("image", flat=True)
        return self._brought(person) | set(shown)

    def _doubted(self) -> bool:
        """Whether an entry has waited for its checkpoint for more than half a minute."""
        published = latest()
        assert published is not None
        oldest = Entry.objects.filter(index__gte=published.size).order_by("index").first()
        return oldest is not None and self.world.at - oldest.recorded_at > timedelta(seconds=30)


def test_whatever_happens_rows_log_and_oracle_agree(
    template: str, tmp_path: Path, settings: Settings, django_db_blocker: DjangoDbBlocker
) -> None:
    Registry.template, Registry.folders, Registry.paths = template, tmp_path, settings
    with django_db_blocker.unblock():
        run_state_machine_as_test(Registry, settings=RUN)


RUN: Final = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
