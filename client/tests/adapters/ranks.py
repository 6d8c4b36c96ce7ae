"""What runs in processes of its own, so it must be importable there."""

import time
from pathlib import Path
from typing import Any

from consentkit import Registry
from consentkit.testing import picture as digest

FOR = "ai_training"
KEYS = [digest(number) for number in range(40)]


class Split:
    """An iterable that gives each worker its share, as WebDataset and others do."""

    def __init__(self, keys: list[str]) -> None:
        self.keys = keys

    def __iter__(self) -> Any:
        from torch.utils.data import get_worker_info

        at = get_worker_info()
        return iter(self.keys if at is None else self.keys[at.id :: at.num_workers])


def rank(number: int, url: str, key: str, log_key: str, home: str, port: int, folder: str) -> None:
    import torch.distributed as ranks

    from consentkit import pins
    from consentkit.adapters import torch as adapter
    from consentkit.errors import LeaseEnded

    ranks.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=number, world_size=2)
    registry = Registry(url, key, log_key=log_key, home=home)
    pin = adapter.pin(registry)
    (Path(folder) / f"pinned{number}").touch()
    while not (Path(folder) / "go").exists():
        time.sleep(0.05)
    with adapter.epoch(pin) as epoch:
        before = len(adapter.allowed(KEYS, KEYS, epoch, purpose=FOR))
    removed = adapter.advance(pin, registry).removed[FOR]
    with adapter.epoch(pin) as epoch:
        after = len(adapter.allowed(KEYS, KEYS, epoch, purpose=FOR))
    if number == 0:  # only its clock counts
        pins.time.time = lambda: float(pin.kept.state.close.not_after)
    ended = adapter.ended(pin)
    try:
        with adapter.epoch(pin):
            told = "nothing"
    except LeaseEnded as error:
        told = type(error).__name__
    (Path(folder) / f"said{number}").write_text(f"{before} {after} {len(removed)} {ended} {told}")
    ranks.destroy_process_group()
