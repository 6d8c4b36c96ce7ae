"""The tests that `docs/trust.md` names are there, each by file and function."""

import ast
import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
NAMED: Final = re.compile(r"`((?:client/)?tests/[\w/]+\.py)::(test_\w+)`")


def functions(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def test_each_way_has_its_test() -> None:
    page = (ROOT / "docs" / "trust.md").read_text()
    named = NAMED.findall(page)
    rows = [line for line in page.splitlines() if line.startswith("| ") and "| way |" not in line]
    assert len(named) == len(rows) + 1  # and the histories below the tables
    assert [each for each in named if each[1] not in functions(ROOT / each[0])] == []
