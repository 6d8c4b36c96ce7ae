"""The description against the registry that it describes: values made from it, valid and invalid, at every address."""

import json
import subprocess
import sys
from pathlib import Path

from tests.drawn import jpeg
from tests.processes.registry import REPOSITORY, Caller, Registry, eventually
from tests.processes.test_manifests import SOON, attested

PEOPLE = "/me/|/requests|/notices"
EXAMPLES = 12  # of each address and phase; `st run` with more of them is for whoever changes a door


def fuzzed(registry: Registry, caller: Caller, tmp_path: Path, *only: str, **known: str | int) -> str:
    """What schemathesis prints of these addresses; `known` values stand in for made ones where a path needs them."""
    config = tmp_path / "schemathesis.toml"
    parameters = "".join(f"{name} = {json.dumps(value)}\n" for name, value in known.items())
    config.write_text(f"[parameters]\n{parameters}\n{(REPOSITORY / 'schemathesis.toml').read_text()}")
    argv = [Path(sys.executable).with_name("st"), "--config-file", config, "run", f"{registry.url}/api/v1/openapi.json"]
    argv += ["-H", f"Authorization: Bearer {caller.secret}", *only, "--max-examples", f"{EXAMPLES}", "--no-color"]
    argv += ["--generation-deterministic", "--continue-on-failure"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_pipelines_find_what_is_described(live: Registry, tmp_path: Path) -> None:
    person, client, manifest = attested(live, tmp_path, seed=41)
    assert person.withdraw().status == 201
    eventually(lambda: list(client.notifications()) != [], within=SOON)
    lab = Caller(live.url, client.settings.require_key())
    (part, *_) = lab.get("/api/v1/snapshot").json()["parts"]
    known = {"manifest": manifest, "notification": next(client.notifications()).id, "sha256": part["sha256"]}
    assert "Tested: 14" in fuzzed(live, lab, tmp_path, "--exclude-path-regex", PEOPLE, **known)


def test_people_find_what_is_described(live: Registry, tmp_path: Path) -> None:
    person = live.person("described")
    live.person("described")  # another token of theirs, which may be ended
    (other,) = [each["token"] for each in person.get("/api/v1/me/tokens").json()["tokens"] if not each["this"]]
    image = person.bring(jpeg(42))
    lodged = person.send_file("/api/v1/requests", jpeg(43), contact="jo@example.org").json()
    known: dict[str, str | int] = {
        "image": image,
        "index": person.withdraw().json()["index"],
        "token": other,
        "reference": lodged["reference"],
        "digest": person.get("/api/v1/notices/current").json()["sha256"],
    }
    assert "Tested: 14" in fuzzed(live, person, tmp_path, "--include-path-regex", PEOPLE, **known)
    assert person.get("/api/v1/me/tokens").status == 200  # else all the rest was refused for its token
