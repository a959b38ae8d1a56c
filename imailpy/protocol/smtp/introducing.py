"""
The greeting, EHLO and its kin [RFC5321 4.1.1.1], STARTTLS [RFC3207].
"""

from __future__ import annotations

from imailpy.errors import PeerError
from imailpy.mail import Reply
from imailpy.protocol.smtp import events, replies
from imailpy.protocol.smtp.commands import Simple
from imailpy.protocol.smtp.conversation import Conversation
from imailpy.protocol.smtp.state import State
from imailpy.protocol.smtp.xclient import NAMES


class Introducing(Conversation):
    """How a server session and its client get to know each other."""

    def secured(self) -> None:
        """
        TLS is on: all that was said before is forgotten [RFC3207 4.2].

        Raises:
            ValueError: Nobody asked for it.
        """
        if self._read is not self._nothing:
            raise ValueError("no STARTTLS was granted")
        self.tls = True
        self.authenticated = False
        self.hello = None
        self.state = State.CONNECTED
        self._read = self._commands

    # The greeting

    def _read_greeting(self) -> events.Event | None:
        return self._ask(events.Connected(), self._greeted)

    def _greeted(self, reply: Reply) -> None:
        if self.options.refuse_early_talk and len(self._input):
            self._offence("early-talk")
            self._say(replies.EARLY_TALK)
            self._close("early talk")
            return
        # Neither here nor in the reply to EHLO [RFC2034 4].
        self._say(Reply(reply.code, reply.text))
        if not reply.positive:
            self.state = State.REFUSED
        self._read = self._commands

    def _on_hello(self, hello: events.Hello) -> events.Event:
        # EHLO is no word of LMTP, LHLO none of SMTP [RFC2033 4.1].
        if (hello.verb == "LHLO") is not self.options.lmtp:
            raise PeerError(replies.UNKNOWN_COMMAND)
        self._heard = hello
        return self._ask(hello, self._hello_answered)

    def _hello_answered(self, reply: Reply) -> None:
        if not reply.positive:
            self._say(reply)
            return
        if self._transaction is not None:
            self._end_transaction(self._heard.verb)
        self.state = State.GREETED
        self.hello = self._heard
        text = reply.text
        if self._heard.verb != "HELO":
            text = "\n".join([text, *self._extensions()])
        self._say(Reply(reply.code, text))

    def _extensions(self) -> list[str]:
        options = self.options
        lines = [
            "PIPELINING",
            f"SIZE {options.max_message_octets}",
            "8BITMIME",
            "ENHANCEDSTATUSCODES",
            "SMTPUTF8",
            "CHUNKING",
            "DSN",
            f"LIMITS RCPTMAX={options.limits.recipients}",
        ]
        if options.starttls and not self.tls:
            lines.append("STARTTLS")
        mechanisms = options.mechanisms(self.tls)
        if mechanisms and not self.authenticated:
            lines.append(f"AUTH {' '.join(mechanisms)}")
        if options.xclient:
            lines.append(f"XCLIENT {' '.join(NAMES)}")
        if options.expn:
            lines.append("EXPN")
        lines.append("HELP")
        return lines

    # XCLIENT

    def _on_xclient(self, xclient: events.XClient) -> events.Event:
        return self._ask(xclient, self._xclient_answered)

    def _xclient_answered(self, reply: Reply) -> None:
        """Begin anew: what was said before was said by somebody else."""
        self._say(Reply(reply.code, reply.text))
        self.authenticated = False
        self.hello = None
        self.state = State.CONNECTED if reply.positive else State.REFUSED

    def vouched(self) -> None:
        """The peer's word that its client has signed in counts."""
        self.authenticated = True

    # STARTTLS

    def _on_starttls(self, _: Simple) -> events.Event:
        if self.tls:
            raise PeerError(replies.TLS_IS_ON)
        if not self.options.starttls:
            raise PeerError(replies.NOT_OFFERED)
        return self._ask(events.StartTls(), self._starttls_answered)

    def _starttls_answered(self, reply: Reply) -> None:
        self._say(reply)
        if reply.code == 220:
            # What came along was said by anybody [RFC3207 4.2].
            self._input.clear()
            self._read = self._nothing
