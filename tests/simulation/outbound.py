"""Mail for the outside: retries over days, one report for each failure."""

from __future__ import annotations

from collections import Counter
from typing import Any

from imailpy.interfaces.queue import QueueState
from tests.simulation.auditor import text_of
from tests.simulation.clients import Sender
from tests.simulation.history import SENDERS, SIZES, History
from tests.simulation.house import USERS, wait
from tests.simulation.peer import DOMAIN, ZONE, Peer

DAY_S = 86_400.0
_OPEN = (QueueState.READY, QueueState.DEFERRED, QueueState.HELD)


class Outbound(History):
    """Submitted mail goes to another server; the power fails now and then."""

    def __init__(self, seed: int, messages: int = 30, plan: Any = None):
        super().__init__(seed, messages, plan or Outbound.by_seed)
        self.house.zone = ZONE
        self.house.sweep_every_s = 1800.0
        self.peer = Peer(self.universe)
        self.broke = False
        self.cuts_left = self.chance.choice((0, 1, 1, 2, 3))

    def by_seed(self) -> None:
        """Choose the faults of this seed."""
        self.universe.cable.break_chance = self.chance.choice((0.0, 0.01))
        self.broke = self.universe.cable.break_chance > 0
        self.next_cut()

    def next_cut(self) -> None:
        """Have the power fail once more, sooner or later."""
        self.cuts_left -= 1
        if self.cuts_left < 0:
            return
        if self.chance.random() < 0.3:
            self.faults.cut_at_point(
                self.chance.randrange(1, 12),
                "delivery.carried_before_recorded",
            )
        else:
            self.faults.cut_at_operation(self.chance.randrange(1, 600))

    async def _send(self, names: list[str]) -> None:
        sender = Sender(self.world, self.auditor, user=USERS[0])
        for name in names:
            recipients = [
                f"{self.fate()}{n}@{DOMAIN}"
                for n in range(self.chance.choice((1, 1, 2, 4)))
            ]
            if self.chance.random() < 0.2:
                recipients.append(USERS[1])
            octets = text_of(name, self.chance.choice(SIZES), USERS[0])
            await sender.send(name, octets, USERS[0], recipients)
        await sender.quit()

    def fate(self) -> str:
        """What will become of a recipient."""
        return self.chance.choices(("ok", "no", "tmp"), (6, 3, 1))[0]

    def begin(self) -> None:
        """Start the clients."""
        names = [f"o{self.seed}-{n}" for n in range(self.messages)]
        for number in range(SENDERS):
            self.go(self._send(names[number::SENDERS]))

    def storm(self) -> None:
        """Half a day of faults."""
        end = self.universe.agenda.elapsed_s + DAY_S / 2
        while self.universe.agenda.elapsed_s < end:
            self.universe.run(
                end - self.universe.agenda.elapsed_s,
                until=lambda: not self.house.alive,
            )
            if not self.house.alive:
                self.recover()
                self.next_cut()

    def account(self) -> None:
        """Wait until everything must have come to an end, and compare."""
        self.peer.calm = True
        self.universe.run(4 * DAY_S)
        super().account()
        rows = wait(
            self.universe,
            self.house.server.store.queue.rows(most=10_000),
        )
        self.trouble += [
            f"still queued: {row}" for row in rows if row.state in _OPEN
        ]
        self.compare()

    def compare(self) -> None:
        """Each recipient was reached or reported, never both."""
        failed = self.auditor.failed
        for (delivery, address), count in failed.items():
            if count > 1:
                self.trouble.append(f"{delivery}: {address}: {count} reports")
            if self.peer.taken[delivery, address]:
                self.trouble.append(f"{delivery}: {address}: taken, reported")
        quiet = self.house.lives == 1 and not self.broke
        # Where nothing of ours failed only that has come twice which the
        # other server did not confirm.
        if quiet and self.duplicates() != self.peer.lost:
            self.trouble.append(
                f"{self.duplicates()} duplicates, {self.peer.lost} lost"
            )
        for delivery, (name, recipients) in self.auditor.promised.items():
            for address in recipients:
                self.recipient(delivery, name, address)
        for delivery, (name, digest) in self.peer.octets.items():
            if self.auditor.sent.get(name) != digest:
                self.trouble.append(f"{delivery}: other octets went out")

    def recipient(self, delivery: str, name: str, address: str) -> None:
        """One that was promised."""
        if not address.endswith(DOMAIN):
            return
        taken = self.peer.taken[delivery, address]
        reports = self.auditor.failed[delivery, address]
        if address.startswith("ok") and not taken:
            self.trouble.append(f"{name} ({delivery}): {address}: not sent")
        if not address.startswith("ok") and reports != 1:
            self.trouble.append(
                f"{name} ({delivery}): {address}: {reports} reports"
            )

    def duplicates(self) -> int:
        """How many messages the other server has more than once."""
        twice = Counter(self.peer.taken)
        return sum(count - 1 for count in twice.values())

    def copies(self) -> int:
        """Deliveries here and there."""
        return len(self.auditor.copies) + self.peer.taken.total()
