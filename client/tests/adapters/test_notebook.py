"""The notebook, cell by cell as it stands there."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parents[3] / "docs/notebook.ipynb"


def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    seen: dict[str, Any] = {}
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    skipped = set() if os.environ.get("ALL_ADAPTERS") else {"torch"}
    for cell in cells:
        if cell["cell_type"] == "code" and not skipped & set(cell["metadata"].get("tags", [])):
            exec(compile("".join(cell["source"]), NOTEBOOK, "exec"), seen)  # noqa: S102 - our own notebook
    assert seen["allowed"].tolist() == [True] * 3 + [False] * 3
    assert seen["mixed"]["name"].tolist() == ["a", "b", "c", "e"]
    assert seen["removed"] == [seen["digests"][0]]
    assert (len(seen["first"]), len(seen["second"])) == (3, 2)
    assert skipped or seen["trained"] == [1, 2]
