"""What the pages name is there: paths, links, decisions without holes, words of the vocabulary."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = [ROOT / "ARCHITECTURE.md", ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
DECISIONS: Final = sorted((ROOT / "docs" / "adr").glob("*.md"))

FENCED: Final = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
INDENTED: Final = re.compile(r"^(?: {4}|\t).*$", re.MULTILINE)
TICKED: Final = re.compile(r"`([^`\n]+)`")
TOP: Final = r"(?:client|registry|consent|service|tests|docs|bench|deploy|\.ci)"
A_PATH: Final = re.compile(rf"{TOP}/[\w./-]*|[\w.-]+\.(?:md|py|yml|toml|txt)|Dockerfile|Makefile")
LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
TERM: Final = re.compile(r"\b(?:dpv|ai|eu-gdpr):\w+")

# Of DPV 2.3, those that our pages use; looked up there before they were added here.
TERMS: Final = {
    "dpv:ConsentExpired",
    "dpv:ConsentGiven",
    "dpv:ConsentRevoked",
    "dpv:ConsentWithdrawn",
    "dpv:RequestAcknowledged",
    "dpv:RequestFulfilled",
    "dpv:RequestRejected",
    "dpv:RightExerciseActivity",
    "dpv:hasConsentStatus",
}


def prose(text: str) -> str:
    """Without code: a command line names what is made, too."""
    return INDENTED.sub("", FENCED.sub("", text))


def paths(text: str) -> Iterator[str]:
    """Paths of this repository between backticks, from its root."""
    yield from (ticked for ticked in TICKED.findall(prose(text)) if A_PATH.fullmatch(ticked))


def links(text: str) -> Iterator[str]:
    """Links to other files, without their anchors."""
    for target in LINK.findall(prose(text)):
        file = target.partition("#")[0]
        if file and "://" not in file and not file.startswith("mailto:"):
            yield file


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_exists(page: Path) -> None:
    assert [path for path in paths(page.read_text(encoding="utf-8")) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_resolves(page: Path) -> None:
    assert [link for link in links(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_term_is_one_of_the_vocabulary(page: Path) -> None:
    assert set(TERM.findall(page.read_text(encoding="utf-8"))) <= TERMS


def test_every_listed_term_is_used() -> None:
    assert set(TERM.findall("".join(page.read_text(encoding="utf-8") for page in PAGES))) == TERMS


def test_a_page_that_names_what_is_not_there_is_caught() -> None:
    page = (
        "See `registry/log/nowhere.py`, `GONE.md`, `/readyz` and [this](docs/none.md#here), [that](https://c2sp.org).\n"
    )
    code = "\n    cp `docs/made.md` x\n\n```\n`docs/fenced.md`\n```\n"
    assert list(paths(page + code)) == ["registry/log/nowhere.py", "GONE.md"]
    assert list(links(page + code)) == ["docs/none.md"]


def test_decisions_are_numbered_without_holes() -> None:
    assert DECISIONS
    assert [decision.name[:5] for decision in DECISIONS] == [f"{n:04}-" for n in range(1, len(DECISIONS) + 1)]


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda decision: decision.stem)
def test_a_decision_is_a_page_that_says_what_would_change_it(decision: Path) -> None:
    text = decision.read_text(encoding="utf-8")
    assert text.startswith(f"# {decision.name[:4]} ")
    assert "**What would change our mind.**" in text
    assert len(text.splitlines()) <= 60
