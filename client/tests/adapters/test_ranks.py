"""PyTorch past one process: workers that load, and ranks that must agree."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from consentkit.testing import picture as digest

pytestmark = pytest.mark.skipif("ALL_ADAPTERS" not in os.environ, reason="make adapters has PyTorch")
FOR = "ai_training"
KEYS = [digest(number) for number in range(40)]
"""As in ranks.py."""


@pytest.fixture
def synced(registry: Any) -> Any:
    """The even ones are permitted."""
    sim, client = registry
    for key in KEYS[::2]:
        sim.grant(key)
    return sim, client


@pytest.mark.parametrize("start", ["fork", "spawn"])
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_every_worker_reads_the_pinned_size(synced: Any, start: str, workers: int) -> None:
    from ranks import Split
    from torch.utils.data import DataLoader

    from consentkit.adapters import torch as adapter

    sim, client = synced
    pin = client.pin()
    sim.withdraw(next(iter(sim._acts[0].images)))
    client.sync()
    options: dict[str, Any] = {"batch_size": 3, "num_workers": workers}
    if workers:
        options["multiprocessing_context"] = start
    subset = adapter.allowed(KEYS, KEYS, pin, purpose=FOR)
    assert [key for batch in DataLoader(subset, **options) for key in batch] == KEYS[::2]
    stream = adapter.AllowedStream(Split(KEYS), pin, purpose=FOR, key=str)
    assert sorted(key for batch in DataLoader(stream, **options) for key in batch) == sorted(KEYS[::2])


def test_ranks_hold_one_size_and_end_together(synced: Any, tmp_path: Path) -> None:
    import torch.multiprocessing as processes
    from ranks import rank

    sim, client = synced
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    given = (sim.url, sim.key, sim.log_key, str(client.settings.home), port, str(tmp_path))
    ranks = processes.spawn(rank, given, nprocs=2, join=False)
    while not all((tmp_path / f"pinned{each}").exists() for each in range(2)):
        assert not ranks.join(timeout=0.05)
    sim.withdraw(next(iter(sim._acts[0].images)))
    (tmp_path / "go").touch()
    while not ranks.join(timeout=1):
        pass
    first, second = ((tmp_path / f"said{each}").read_text() for each in range(2))
    assert first == second == "20 19 1 True LeaseEnded"
