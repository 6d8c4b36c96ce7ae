"""POST checkpoints: what this log's key signed, shown by whoever holds it."""

import pytest

from consentkit.checkpoints import Checkpoint, sign_checkpoint
from consentkit.notes import Signer
from registry.log.recorder import head_size
from registry.log.signer import origin, signer
from registry.models import LostSize
from tests.api.conftest import Doors, slug


def note(size: int, by: Signer) -> str:
    return sign_checkpoint(Checkpoint(origin(), size, bytes(32)), by)


def test_what_is_held_changes_nothing(doors: Doors) -> None:
    newest = doors.client.get("/log/checkpoint").content.decode()
    shown = doors.post("checkpoints", body={"note": newest})
    assert (shown.status_code, shown.json()) == (200, {"size": head_size(), "held": True})
    assert doors.client.get("/readyz").status_code == 200


@pytest.mark.parametrize("ahead", [0, 1, 1_000])
def test_what_is_not_held_ends_readiness(doors: Doors, ahead: int) -> None:
    """Ahead, or another history of the same size; nobody needs a key to show it."""
    shown = doors.post("checkpoints", body={"note": note(head_size() + ahead, signer())})
    assert (shown.status_code, shown.json()) == (200, {"size": head_size() + ahead, "held": False})
    ready = doors.client.get("/readyz")
    assert ready.status_code == 503
    assert f"a signed size of {head_size() + ahead} was shown" in ready.json()["detail"]


def test_what_our_key_did_not_sign_is_refused(doors: Doors) -> None:
    stranger = Signer.generate(origin())
    elsewhere = sign_checkpoint(Checkpoint("elsewhere/log", 10**6, bytes(32)), Signer("elsewhere/log", signer().seed))
    ours = note(head_size() + 5, signer())
    for shown in (note(10**6, stranger), ours.replace(f"\n{head_size() + 5}\n", f"\n{head_size() + 6}\n"), elsewhere):
        assert slug(doors.post("checkpoints", body={"note": shown})) in ("note-unsigned", "note-malformed")
    for shown in ("", "x", ours[:-1], ours + "\n"):
        assert slug(doors.post("checkpoints", body={"note": shown})) in ("note-unsigned", "note-malformed")
    assert LostSize.objects.count() == 0
    assert doors.client.get("/readyz").status_code == 200
