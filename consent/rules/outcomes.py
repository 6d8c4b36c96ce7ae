"""What a pipeline can answer to a notification."""

from enum import StrEnum


class Outcome(StrEnum):
    """What became of the picture that it used."""

    DELETED = "deleted"
    EXCLUDED = "excluded"  # from every later run
    RETRAINED = "retrained"
    EXEMPT = "exempt"
    NOT_FOUND = "not_found"


OUTCOMES = tuple(Outcome)
