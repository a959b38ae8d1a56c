"""
A store that forgets when the process ends: the model of the doors.

Simple and correct rather than fast; every answer is there at once.
"""

from imailpy.store.memory.store import MemoryStore

__all__ = ["MemoryStore"]
