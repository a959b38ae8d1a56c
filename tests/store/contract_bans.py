"""What every provider's table of bans must do."""

from __future__ import annotations

from attrs import evolve
from zope.interface.verify import verifyObject

from imailpy.interfaces.bans import IBans
from imailpy.mail import Ban
from tests.store.contract import Base
from tests.support.world import result_of

FIRST = Ban("203.0.113.9/32", "http on smtp", "session-1", 1.0, 601.0)
SECOND = Ban("2001:db8::/64", "a note", "", 2.0, None, "operator", 3)


class BansContract(Base):
    """Bans."""

    def test_doors(self) -> None:
        """It has what the interface says."""
        verifyObject(IBans, self.store.bans)

    def test_kept(self) -> None:
        """Bans outlive a restart, word for word, the oldest first."""
        result_of(self.store.bans.change([SECOND, FIRST]))
        self.store = self.reopen()
        self.assertEqual(
            list(result_of(self.store.bans.bans())), [FIRST, SECOND]
        )

    def test_changed(self) -> None:
        """A network has one row; removing what is not there is fine."""
        bans = self.store.bans
        longer = evolve(FIRST, until=6000.0, times=2)
        result_of(bans.change([FIRST, SECOND]))
        result_of(bans.change([longer], [SECOND.network, "192.0.2.1/32"]))
        self.store = self.reopen()
        self.assertEqual(list(result_of(self.store.bans.bans())), [longer])
