"""Why a stack did not start: each message is one that a person can act on."""


class StackError(Exception):
    """The stack cannot run; the message says what to do."""


class HomeInUse(StackError):
    """Another supervisor owns this home."""


class ServerMissing(StackError):
    """No PostgreSQL or no Redis was found, or none that this account may run."""


class StartFailed(StackError):
    """A process ended, or did not answer in time; the message quotes the end of its log."""
