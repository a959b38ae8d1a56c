"""
What one message costs until it is understood: microseconds of CPU.

    python -m bench.scanner [ROUNDS]

Each message has a Message-ID and a Subject of its own, as in a stream of mail
(twenty a second by their Date); senders come again. Fed in pieces of 64 KB.
Best of seven.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable
from time import process_time

from imailpy.delivery.stamps import final
from imailpy.mail import Path
from imailpy.message.build import received_field
from imailpy.message.date import format_date
from imailpy.message.scanner import Scanner

LINE = b"y" * 68 + b"\r\n"
PIECE = 65536
NOW = 1_764_000_000
TYPICAL = (
    b"Received: from mx%d.client.example (mx.client.example [192.0.2.1])\r\n"
    b"\tby mail.server.example with ESMTPS id %d\r\n"
    b"\tfor <bob@server.example>; Mon, 24 Nov 2025 16:00:00 +0000\r\n"
    b"DKIM-Signature: v=1; a=rsa-sha256; d=client.example; s=s1;\r\n"
    b"\th=from:to:subject; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NM;\r\n"
    b"\tb=dzdVyOfAKCdLXdJOc9G2q8LoXSlEniSbav+yuU4zGeeruD00lszZ\r\n"
    b'From: "Ann Example" <ann%d@client.example>\r\n'
    b"To: Bob Example <bob@server.example>, carol@server.example\r\n"
    b"Subject: Re: report number %d of the team\r\n"
    b"Date: Mon, 24 Nov 2025 16:%02d:%02d +0100\r\n"
    b"Message-ID: <%d.20251124@client.example>\r\n"
    b"In-Reply-To: <%d.20251123@server.example>\r\n"
    b"References: <1.20251122@server.example> <%d.20251123@server.example>"
    b"\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n\r\n"
)


def plain(number: int) -> bytes:
    """Four fields, 2 KB."""
    head = (
        b"From: ann@client.example\r\nTo: bob@server.example\r\n"
        b"Subject: message %d\r\nDate: Mon, 24 Nov 2025 16:%02d:%02d +0100"
        b"\r\n\r\n" % (number, number // 1200 % 60, number // 20 % 60)
    )
    return head + LINE * ((2048 - len(head)) // len(LINE))


def typical(number: int, size: int = 2048) -> bytes:
    """Twelve fields."""
    head = TYPICAL % (
        number % 7,
        number,
        number % 50,
        number,
        number // 1200 % 60,
        number // 20 % 60,
        number,
        number,
        number,
    )
    return head + LINE * max(1, (size - len(head)) // len(LINE))


def attachment(size: int) -> bytes:
    """A text and base64 behind it."""
    head = (
        b"From: ann@client.example\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=mark\r\n\r\n--mark\r\n\r\n"
        b"See attached.\r\n--mark\r\nContent-Type: application/pdf\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n"
    )
    block = base64.encodebytes(bytes(range(57)) * 1000)
    block = block.replace(b"\n", b"\r\n")
    return head + block * (size // len(block)) + b"--mark--\r\n"


def scan(octets: bytes) -> None:
    """Scan a message in pieces."""
    scanner = Scanner()
    if len(octets) <= PIECE:
        scanner.feed(octets)
    else:
        for at in range(0, len(octets), PIECE):
            scanner.feed(octets[at : at + PIECE])
    scanner.finish()


def stamp(number: int) -> None:
    """Write what stands before a delivered message."""
    received_field(
        helo="mx.client.example",
        client_address="192.0.2.1",
        by="mail.server.example",
        protocol="ESMTPS",
        delivery_id=f"abcdef{number}",
        now=NOW + number / 1000,
        tls="TLSv1.3 TLS_AES_256_GCM_SHA384",
        recipient=BOB,
    )
    final(ANN, BOB)


ANN = Path("ann", "client.example")
BOB = Path("bob", "server.example")


def best(call: Callable[[int], object], count: int, rounds: int = 7) -> float:
    """Give microseconds for one call."""
    least = 1e9
    for turn in range(rounds):
        numbers = range(turn * count, (turn + 1) * count)
        begun = process_time()
        for number in numbers:
            call(number)
        least = min(least, process_time() - begun)
    return least / count * 1e6


def messages(
    make: Callable[[int], bytes], count: int
) -> Callable[[int], None]:
    """Have messages made before they are scanned."""
    made = [make(number) for number in range(count)]

    def one(number: int) -> None:
        scan(made[number % count])

    return one


def main(rounds: int) -> None:
    """Measure and print."""
    big = attachment(40_000_000)
    few = max(rounds // 20, 1)
    cases = (
        ("2 KB plain", messages(plain, 7 * rounds), rounds),
        ("2 KB typical", messages(typical, 7 * rounds), rounds),
        (
            "100 KB",
            messages(lambda number: typical(number, 100_000), few),
            few,
        ),
        ("40 MB base64", lambda _: scan(big), 1),
        ("stamps", stamp, rounds),
        ("format_date", lambda one: format_date(NOW + one / 1000), rounds),
    )
    for name, call, count in cases:
        print(f"{name:14}{best(call, count):12.2f} us")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
