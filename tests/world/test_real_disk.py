"""The machine's disk, as it is: whose files it reads."""

from __future__ import annotations

import os
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from imailpy.world.real_disk import RealDisk

OWNER = 12_345
OTHER = 23_456


class SecretTests(SynchronousTestCase):
    """A certificate's key: read when it is as private as it should be."""

    def setUp(self) -> None:
        self.path = self.mktemp()
        with open(self.path, "wb") as file:
            file.write(b"key")
        os.chmod(self.path, 0o600)
        self.owner = os.getuid()
        if self.owner == 0:
            os.chown(self.path, OWNER, -1)
            self.owner = OWNER

    def read_as(self, uid: int) -> bytes:
        """Read it as if we were another user."""
        with patch("os.geteuid", return_value=uid):
            return RealDisk().read_foreign(self.path, private=True)

    def test_owner_and_root_read_it(self) -> None:
        """Started as root or as the server's own user, the key is read."""
        self.assertEqual(self.read_as(self.owner), b"key")
        self.assertEqual(self.read_as(0), b"key")

    def test_B12_5_another_users_key(self) -> None:
        """A key that another user has put there is refused."""
        with self.assertRaisesRegex(OSError, "owned by another user"):
            self.read_as(OTHER)

    def test_B12_5_key_that_others_read(self) -> None:
        """A key that its group or others may read is refused, for root too."""
        for mode in (0o640, 0o604):
            os.chmod(self.path, mode)
            for uid in (self.owner, 0):
                with self.assertRaisesRegex(OSError, "chmod 600"):
                    self.read_as(uid)
