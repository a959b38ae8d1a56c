"""
The decision history: why everybody was told what they were told.

A database of its own, `decisions.db`, outside the transaction that accepts
mail; a thread of its own writes what came within a moment. When the disk is
full or the database is broken the history goes without, mail does not.
"""

from imailpy.history.keeper import History
from imailpy.history.settings import HistorySettings

__all__ = ["History", "HistorySettings"]
