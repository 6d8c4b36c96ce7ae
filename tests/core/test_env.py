"""Where the last checkpoint is kept unless somebody says otherwise: outside every home, one folder for each log."""

from pathlib import Path

import pytest

from consentkit.notes import Signer
from service.env import Env, Unsafe


def given(home: Path, key: str, **more: str) -> dict[str, str]:
    return {
        "DATABASE_URL": "postgres://nowhere/none",
        "REDIS_URL": "redis://nowhere/0",
        "SECRET_KEY": "x" * 32,
        "PUBLIC_URL": "http://127.0.0.1:8000",
        "REGISTRY_HOME": str(home),
        "LOG_SIGNING_KEY": key,
        **more,
    }


def test_it_lies_in_the_users_state_and_is_a_logs_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    ours, theirs = (Signer.generate("registry.example/log").encode() for _ in range(2))
    kept = Env.read(given(tmp_path / "home", ours)).checkpoint_dir
    assert Path(kept).is_relative_to(tmp_path / "state")
    assert Env.read(given(tmp_path / "copy", ours)).checkpoint_dir == kept
    assert Env.read(given(tmp_path / "home", theirs)).checkpoint_dir != kept
    assert Env.read(given(tmp_path / "home", ours, CHECKPOINT_DIR="/a:https://b.example/c")).checkpoint_dir == (
        "/a:https://b.example/c"
    )


def test_inside_the_home_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the home holds the user's state; beside another place it may lie there."""
    key, home = Signer.generate("registry.example/log").encode(), tmp_path / "home"
    with pytest.raises(Unsafe, match="inside REGISTRY_HOME"):
        Env.read(given(home, key, CHECKPOINT_DIR=str(home / "checkpoint")))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    with pytest.raises(Unsafe, match="inside REGISTRY_HOME"):
        Env.read(given(home, key))
    Env.read(given(home, key, CHECKPOINT_DIR=f"{home}/checkpoint:{tmp_path}/elsewhere"))
