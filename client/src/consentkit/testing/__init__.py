"""For the tests of those who use consentkit: a real registry on this machine, which can be made to lie."""

from consentkit.testing.pictures import picture
from consentkit.testing.plain import write_feed
from consentkit.testing.simulator import Simulator

__all__ = ["Simulator", "picture", "write_feed"]
