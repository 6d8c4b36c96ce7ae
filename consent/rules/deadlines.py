"""How long others may take."""

from datetime import timedelta
from typing import Final

ANSWER_TO_NOTIFICATION: Final = timedelta(days=14)
"""A pipeline that has not said by then what it did is late."""
