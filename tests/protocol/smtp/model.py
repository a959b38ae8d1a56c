"""
What a server session must do, told a second time, in the plainest way.

The model knows commands by name, not by octets, has no framing and no
limits, and answers with reply codes alone. It shares no line with the
engine. B3.8 plays the two against each other.
"""

from __future__ import annotations


class Model:
    """A server of SMTP or LMTP with everything granted but what is refused."""

    def __init__(self, lmtp: bool) -> None:
        self.lmtp = lmtp
        self.greeted = False
        self.tls = False
        self.signed_in = False
        self.closed = False
        self.owed = 0
        self.forget()
        self.taken: list[int] = []

    def heard(self, verb: str) -> None:
        """
        A command comes.

        Behind a refused chunk an LMTP client may have sent LAST already, and
        expects a reply for each of its recipients.
        """
        if verb != "BDAT":
            self.owed = 0

    def forget(self) -> None:
        """No transaction."""
        self.sender = False
        self.recipients = 0
        self.any_refused = False
        self.chunked = False

    # Each gives the codes of the replies.

    def hello(self, verb: str, granted: bool) -> list[int]:
        if (verb == "LHLO") != self.lmtp:
            return [500]
        if not granted:
            return [550]
        self.forget()
        self.greeted = True
        return [250]

    def mail(self, granted: bool, bad: int = 0) -> list[int]:
        if not self.greeted or self.sender:
            return [503]
        if bad:
            return [bad]
        if not granted:
            return [550]
        self.sender = True
        return [250]

    def rcpt(self, granted: bool, bad: int = 0) -> list[int]:
        if not self.sender or self.chunked:
            return [503]
        if bad:
            return [bad]
        if not granted:
            self.any_refused = True
            return [550]
        self.recipients += 1
        return [250]

    def data(self, begins: bool, granted: bool, fault: str) -> list[int]:
        """DATA, and if 354 comes a whole message."""
        if not self.sender or self.chunked:
            return [503]
        if not self.recipients:
            if self.any_refused and not self.lmtp:
                return [554]
            return [503]
        if not begins:
            return [451]
        return [354, *self._message(granted, fault)]

    def bdat(
        self, last: bool, begins: bool, granted: bool, fault: str
    ) -> list[int]:
        """BDAT with its octets."""
        if not self.recipients:
            if self.lmtp and last:
                self.forget()
                owed, self.owed = self.owed, 0
                return [503] * owed
            return [503]
        if not self.chunked and not begins:
            count = self.recipients if self.lmtp and last else 1
            self._refused_chunk(last)
            return [451] * count
        self.chunked = True
        if last:
            return self._message(granted, fault)
        if not fault:
            return [250]
        self._refused_chunk(last)
        return self._fault(fault)

    def _refused_chunk(self, last: bool) -> None:
        if self.lmtp and not last:
            self.owed = self.recipients
        self.forget()

    def _message(self, granted: bool, fault: str) -> list[int]:
        count = self.recipients if self.lmtp else 1
        if not fault and granted:
            self.taken.append(self.recipients)
        self.forget()
        if fault:
            return self._fault(fault) * count
        return [250 if granted else 452] * count

    def _fault(self, fault: str) -> list[int]:
        if fault == "bare":
            self.closed = True
        return [552] if fault == "big" else [550]

    def rset(self) -> list[int]:
        self.forget()
        return [250]

    def quit(self) -> list[int]:
        self.closed = True
        return [221]

    def starttls(self) -> list[int]:
        if not self.greeted or self.sender:
            return [503]
        if self.tls:
            return [503]
        self.tls = True
        self.greeted = False
        self.signed_in = False
        return [220]

    def auth(self, granted: bool) -> list[int]:
        if not self.greeted or self.sender or self.signed_in:
            return [503]
        if not self.tls:
            return [538]
        if granted:
            self.signed_in = True
            return [235]
        return [535]

    def simple(self, code: int) -> list[int]:
        """What changes nothing, ever."""
        return [code]
