"""
What the realm's decisions of one SMTP transaction cost.

    python -m bench.realm [TRANSACTIONS]

Through the gate: connect, hello, mail, rcpt, data, with all checks that are
built in and no DNS; microseconds of CPU, best of seven. Once more with a
history that takes entries, and once for a user who has signed in, with the
limits of accounts and From read. Then what the history's own thread spends on
an entry.
"""

import sys
import tempfile
from itertools import count
from time import process_time

from imailpy.delivery.routing import Router
from imailpy.delivery.settings import DeliverySettings
from imailpy.history import History, HistorySettings
from imailpy.history.lines import block
from imailpy.mail import Client, MailParameters, Path, Recipient
from imailpy.policy.settings import PolicySettings, SendingLimits
from imailpy.realm.avatar import Avatar
from imailpy.realm.realm import Realm
from imailpy.realm.settings import RealmSettings
from tests.realm.support import TextBody, drive
from tests.support.settings import Fixed
from tests.support.store import make_store
from tests.support.world import TestWorld

SENDER = Path("ann", "client.example")
TO = Recipient(Path("alice", "example.test"))
BODY = TextBody(b"Subject: x\r\n\r\n" + b"y" * 2000)
OWN_BODY = TextBody(b"From: alice@example.test\r\n\r\n" + b"y" * 2000)
AT = "smtp", "smtp", "session"
PARAMETERS = MailParameters(size_octets=2048)


class Quiet:
    """Takes note of nothing."""

    verbose = False

    def record(self, event, **facts):
        """Nothing."""


class Taking:
    """A history that keeps entries in a list."""

    def __init__(self):
        self.told = []

    def add(self, passage):
        """Keep it."""
        self.told.append((passage.at, None, passage))


def make(history=None):
    """A realm over the memory store and the real router."""
    world = TestWorld()
    store = make_store(world)
    return Realm(
        world,
        Fixed(RealmSettings()),
        store.directory,
        Router(Fixed(DeliverySettings()), store),
        Quiet(),
        history=history,
    )


_NUMBERS = count()


def address():
    """
    Each client is another: one alone would send too much in a minute, and
    what is remembered of an address must not be all there is.
    """
    number = next(_NUMBERS)
    far = number * 2_654_435_761 % 2**31
    return f"{far >> 24}.{far >> 16 & 255}.{far >> 8 & 255}.{far & 255}"


def whole(realm, count):
    """Microseconds a session with one transaction."""
    clients = [Client(address(), 4000, *AT) for _ in range(count)]
    begun = process_time()
    for client in clients:
        gate = realm.gate(client)
        drive(gate.connect())
        drive(gate.hello("client.example"))
        drive(gate.mail(SENDER, PARAMETERS))
        drive(gate.rcpt(TO))
        drive(gate.data([TO], BODY))
        gate.rules()
        gate.reset()
        gate.closed()
    return (process_time() - begun) / count * 1e6


def signed(count):
    """Microseconds a user's session with one transaction."""
    most = 10**9
    sending = SendingLimits(most, most, most, most)
    settings = RealmSettings(policy=PolicySettings(sending=sending))
    world = TestWorld()
    store = make_store(world)
    realm = Realm(
        world,
        Fixed(settings),
        store.directory,
        Router(Fixed(DeliverySettings()), store),
        Quiet(),
        sending=store.sending,
    )
    account = drive(store.directory.find(TO.forward_path))
    own = frozenset([account.address.folded])
    avatar = Avatar(account, own, "+-")
    at = "submission", "submission", "session"
    clients = [Client(address(), 4000, *at) for _ in range(count)]
    begun = process_time()
    for client in clients:
        gate = realm.gate(client)
        drive(gate.connect())
        drive(gate.hello("client.example"))
        # As after a login, whose cost is another matter.
        gate.avatar, gate._session = avatar, None
        drive(gate.mail(account.address, PARAMETERS))
        drive(gate.rcpt(TO))
        (decision,) = drive(gate.data([TO], OWN_BODY))
        gate.rules()
        gate.reset()
        gate.closed()
    spent = (process_time() - begun) / count * 1e6
    if decision.refuses:
        raise SystemExit(f"refused: {decision}")
    return spent


async def nothing():
    """A coroutine that has nothing to do."""


def driving(count):
    """Microseconds of calling five coroutines: not the realm's."""
    begun = process_time()
    for _ in range(count):
        for _ in range(5):
            drive(nothing())
    return (process_time() - begun) / count * 1e6


def best(history, count):
    """Best of seven."""
    spent = min(whole(make(history), count) for _ in range(7))
    return spent - min(driving(count) for _ in range(7))


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    print(f"decisions            {best(None, count):6.1f} us")
    taking = Taking()
    print(f"with a history       {best(taking, count):6.1f} us")
    spent = min(signed(count) for _ in range(7))
    spent -= min(driving(count) for _ in range(7))
    print(f"signed in            {spent:6.1f} us")
    told = taking.told[:count]
    begun = process_time()
    blocks = [block(told[at : at + 200], {}) for at in range(0, count, 200)]
    spelt = process_time()
    print(f"thread: spelling     {(spelt - begun) / count * 1e6:6.1f} us")
    with tempfile.TemporaryDirectory() as directory:
        world = TestWorld()
        history = History(world, Fixed(HistorySettings(directory)))
        database = history._open(HistorySettings(directory))
        begun = process_time()
        for each in blocks:
            database.write([each])
        spent = (process_time() - begun) / count * 1e6
        print(f"thread: writing      {spent:6.1f} us")
        database.close()


if __name__ == "__main__":
    main()
