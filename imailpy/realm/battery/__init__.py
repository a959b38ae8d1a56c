"""
The relay battery: every way in which a server was ever made to relay.

    site       what the battery knows of a site: domains, addresses, peers
    attempts   who says what: generated from a seed
    oracle     what must come of it, read by a reader of its own
    play       has the real grammar and the real gate decide, and compares
"""

from imailpy.realm.battery.attempts import Attempt, generated
from imailpy.realm.battery.oracle import Expected, Outcome, expected
from imailpy.realm.battery.play import Finding, Tally, play
from imailpy.realm.battery.site import Peer, Site, survey

__all__ = [
    "Attempt",
    "Expected",
    "Finding",
    "Outcome",
    "Peer",
    "Site",
    "Tally",
    "expected",
    "generated",
    "play",
    "survey",
]
