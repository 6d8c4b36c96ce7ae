"""What can go wrong, as types.

ConsentkitError
├── Malformed         bytes or text that break their format: nothing was checked
├── BadProof          well formed, but it does not prove what it should
│   ├── BadSignature  no valid signature by the key that we trust
│   └── Inconsistent  two checkpoints that are not shown to be one history
│       └── RolledBack  the later one has fewer entries
├── Stale             the synced state is older than allowed
│   └── LeaseEnded    the pinned size has ended its term
└── Unreachable       the registry did not answer, or not to this key

KeyEnding is a warning (of Python's `warnings`): the key ends within 30 days.
"""


class ConsentkitError(Exception):
    """Any error of this package. None of them means that something is permitted."""


class Malformed(ConsentkitError):
    """The input is not in the one form that its format allows."""


class BadProof(ConsentkitError):
    """The input is well formed, but the proof in it does not hold."""


class BadSignature(BadProof):
    """No valid signature by the trusted key."""


class Inconsistent(BadProof):
    """The later checkpoint does not extend the earlier one: rolled back, or forked."""


class RolledBack(Inconsistent):
    """The log has fewer entries than it had before."""


class Stale(ConsentkitError):
    """The synced state is older than it may be."""


class LeaseEnded(Stale):
    """The pinned size has ended its term: save a checkpoint, then advance or pin again."""


class Unreachable(ConsentkitError):
    """The registry could not be asked: the network failed, or it refused the key."""


class KeyEnding(UserWarning):
    """The key ends within 30 days: ask the registry's operator for the one that takes its place."""
