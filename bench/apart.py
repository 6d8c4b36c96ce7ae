"""Work in a fresh process: its memory is its own, nothing is warm, and Django's settings are not read yet."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")


def apart(work: Callable[Given, Result], *args: Given.args, **named: Given.kwargs) -> Result:
    """What `work` returns, or raises. It must be a function of an imported module."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *args, **named).result()
