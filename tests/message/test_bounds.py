"""Hostile messages: bounded, linear, never lost."""

import random
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from imailpy.message.bounds import MAX_DEPTH, MAX_PARTS
from imailpy.message.scanner import Scanner
from imailpy.message.structure import Structure
from tests.message.imap_reader import check_body, check_envelope, read_imap
from tests.message.test_scanner import outside

CHUNK = 64 * 1024


def nested_multipart(count: int) -> bytes:
    """Multiparts, each inside the one before."""
    return b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n"
        % (n, n)
        for n in range(count)
    )


def nested_message(count: int) -> bytes:
    """Messages, each inside the one before."""
    return b"Content-Type: message/rfc822\r\n\r\n" * count


def many_parts(count: int) -> bytes:
    """Empty parts."""
    head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    return head + b"--b\r\n\r\n" * count


def dashes(count: int) -> bytes:
    """Lines that are nearly delimiters."""
    head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n"
    return head + b"--ba\r\n" * count


def many_fields(count: int) -> bytes:
    """Header fields."""
    return b"X: y\r\n" * count + b"\r\nbody"


def long_field(count: int) -> bytes:
    """One folded field."""
    return b"Subject: " + b"word\r\n " * count + b"\r\n\r\nbody"


def many_addresses(count: int) -> bytes:
    """One list."""
    return b"To: " + b"a@b.example,\r\n " * count + b"\r\n\r\nbody"


def parentheses(count: int) -> bytes:
    """Comments that never end."""
    return b"To: " + b"(" * count + b"\r\n\r\nbody"


def encoded_words(count: int) -> bytes:
    """Encoded words side by side."""
    return b"Subject: " + b"=?utf-8?q?a?=\r\n " * count + b"\r\n\r\nbody"


def many_parameters(count: int) -> bytes:
    """Sections of parameters, with gaps and doubles."""
    pieces = b"".join(
        b"; a*%d*=x; a*%d=y; b%d=z" % (n * 3, n, n) for n in range(count)
    )
    return b"Content-Type: text/plain" + pieces + b"\r\n\r\nbody"


SHAPES: tuple[Callable[[int], bytes], ...] = (
    nested_multipart,
    nested_message,
    many_parts,
    dashes,
    many_fields,
    long_field,
    many_addresses,
    parentheses,
    encoded_words,
    many_parameters,
)


HEADS = (
    b"", b"Subject: ", b"To: ", b"Content-Type: text/plain; ", b"X: y\r\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
    b"Content-Type: message/rfc822\r\n\r\n", b"\r\n",
)  # fmt: skip
SHREDS = (
    b"\r\n", b"--b\r\n", b"--b--\r\n", b"--ba\r\n", b"(", b")", b'"',
    b"\\", b"<", b">", b"@", b",", b";", b":", b"=?utf-8?q?a?=", b"a*1*=x;",
    b"a=b; ", b" ", b"\t", b"x", b"To: a@b.example\r\n", b"\n", b"\r",
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n", b"\xff", b"[",
    b"Content-Type: message/rfc822\r\n\r\n", b"g:a@b;", b"\0", b"=?", b"?=",
)  # fmt: skip


class BoundTests(SynchronousTestCase):
    """Past a bound a message is kept whole and read in part."""

    def scan(self, octets: bytes) -> tuple[Scanner, Structure, bool]:
        """Scan, and check what must always hold."""
        scanner = Scanner()
        for start in range(0, len(octets), CHUNK):
            scanner.feed(octets[start : start + CHUNK])
        found = scanner.finish()
        structure = Structure.unpack(found.structure)
        self.assertEqual(outside(structure), [])
        self.assertEqual(structure.parts[0].body_end, len(octets))
        self.assertLessEqual(len(structure.parts), MAX_PARTS)
        self.assertLessEqual(
            max(part.depth for part in structure.parts), MAX_DEPTH + 1
        )
        check_body(read_imap(found.bodystructure), True)
        check_body(read_imap(found.body), False)
        check_envelope(read_imap(found.envelope))
        return scanner, structure, found.truncated

    def test_B6_1_nested(self) -> None:
        """10,000 multiparts or messages in each other: the inner opaque."""
        for shape in (nested_multipart, nested_message):
            _, structure, truncated = self.scan(shape(10_000))
            self.assertTrue(truncated)
            self.assertLessEqual(len(structure.parts), MAX_DEPTH + 1)

    def test_B6_2_parts(self) -> None:
        """200,000 parts: the last that is read has all the rest."""
        octets = many_parts(200_000)
        _, structure, truncated = self.scan(octets)
        self.assertTrue(truncated)
        self.assertEqual(len(structure.parts), MAX_PARTS)
        self.assertEqual(structure.parts[-1].body_end, len(octets))

    def test_B6_3_headers(self) -> None:
        """100,000 fields, 10 MB of one, 100,000 addresses, 1,000 `(`."""
        for octets, over in (
            (many_fields(100_000), True),
            (b"Subject: " + b"x" * 10_000_000 + b"\r\n\r\nbody", True),
            (many_addresses(100_000), True),
            (many_addresses(2_000), True),
            (many_addresses(900), False),
            (parentheses(1_000), False),
        ):
            _, structure, truncated = self.scan(octets)
            self.assertEqual(truncated, over, octets[:40])
            part = structure.parts[0]
            self.assertEqual(part.body_end - part.body_start, 4)

    def test_B6_4_parameters(self) -> None:
        """20,000 parameter sections, gaps, doubles, a section 99999999."""
        _, _, truncated = self.scan(many_parameters(7_000))
        self.assertTrue(truncated)
        _, _, truncated = self.scan(
            b"Content-Type: text/plain; a*99999999*=x\r\n\r\nbody"
        )
        self.assertTrue(truncated)

    def test_B6_5_encoded_words(self) -> None:
        """20,000 encoded words side by side are no trouble."""
        self.scan(encoded_words(20_000))

    def test_boundary_too_long(self) -> None:
        """A boundary over 256 octets makes its multipart opaque."""
        for size, opaque in ((256, False), (257, True)):
            mark = b"b" * size
            octets = (
                b"Content-Type: multipart/mixed; boundary=%b\r\n\r\n"
                b"--%b\r\n\r\nx\r\n--%b--\r\n" % (mark, mark, mark)
            )
            _, structure, truncated = self.scan(octets)
            self.assertEqual(truncated, opaque)
            self.assertEqual(len(structure.parts), 1 if opaque else 2)

    def test_sections_of_parts_together(self) -> None:
        """Header sections of 1 MB together are the end of indexing."""
        part = b"--b\r\nContent-Description: " + b"x" * 60_000 + b"\r\n\r\n"
        octets = (
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 100
        )
        _, structure, truncated = self.scan(octets)
        self.assertTrue(truncated)
        self.assertLess(len(structure.parts), 25)

    def test_B6_7_boundaries(self) -> None:
        """One boundary the beginning of another, and a missing end."""
        octets = (
            b"Content-Type: multipart/mixed; boundary=ab\r\n\r\n"
            b"--ab\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n"
            b"--a\r\n\r\ninner\r\n--abc\r\nstill\r\n--ab\r\n\r\nouter\r\n"
            b"--a\r\nno end"
        )
        _, structure, _ = self.scan(octets)
        texts = [
            octets[part.body_start : part.body_end]
            for index, part in enumerate(structure.parts)
            if not structure.children[index]
        ]
        self.assertEqual(
            texts, [b"inner\r\n--abc\r\nstill", b"outer\r\n--a\r\nno end"]
        )

    def test_B6_11_generated_shapes(self) -> None:
        """The same law holds for 200 shapes put together by chance."""
        chance = random.Random(611)
        for number in range(200):
            shape = [
                chance.choice(SHREDS) for _ in range(chance.randint(1, 6))
            ]
            head = chance.choice(HEADS)
            piece = b"".join(shape)
            count = 6_000 // len(piece) + 1
            first = self.scan(head + piece * count)[0].steps
            second = self.scan((head + piece * count) + piece * count)[0].steps
            self.assertLessEqual(
                second, 2.5 * first + 50, (number, head, piece)
            )

    def test_B6_11_steps_grow_with_size(self) -> None:
        """Twice the message costs at most 2.5 times the steps."""
        for shape in SHAPES:
            for count in (50, 400, 3_000):
                first = self.scan(shape(count))[0].steps
                second = self.scan(shape(2 * count))[0].steps
                self.assertLessEqual(
                    second, 2.5 * first + 50, (shape.__name__, count)
                )
