"""Correct a statement: whoever brought a picture says anew who is shown in it, or what else it was made from."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from consentkit.entries import Kind
from registry.acts.statements import Statement, depict, derive, item, lock
from registry.errors import NotFound
from registry.log.recorder import Act, Recorded, record
from registry.models import Bringing, Derivation, Image, Person
from registry.models.images import subjects_of


@transaction.atomic(durable=True)
def correct(person: UUID, image: UUID, *, statement: Statement, at: datetime) -> Recorded | None:
    """The statement in place of this person's earlier one, which stays in the log; None where it says the same.

    Sources are only added: that a picture was made from another does not end by saying so. `statement.collection` is
    not looked at. Raises NotFound (also for a picture that this person is shown in and did not bring),
    DerivationCircle.
    """
    Person.objects.locked(person)
    bringing = Bringing.objects.filter(image=image, person=person, dismissed=False).first()
    if bringing is None:
        raise NotFound("There is no such picture that you brought.")
    lock(person, image, statement.derived_from)
    sources = frozenset(Derivation.objects.filter(bringing=bringing).values_list("source", flat=True))
    parents = sources | statement.derived_from
    before = (subjects_of([bringing.pk])[bringing.pk], sources, bringing.photographer_id is not None)
    if before == (statement.subjects, parents, statement.photographer):
        return None
    act = Act.begin(Kind.STATEMENT_CORRECTED, at=at)
    depict(bringing, statement.subjects)
    derive(bringing, parents - sources)
    bringing.photographer_id = person if statement.photographer else None
    bringing.save(update_fields=["photographer"])
    return record(act, [item("corrected", Image.objects.get(id=image), person, statement.subjects, parents)])
