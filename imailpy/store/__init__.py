"""
Mailboxes and messages, kept for good.

Two providers of the doors in `imailpy.interfaces`: `memory`, a model that
forgets, and `sqlite`, which carries the promise that accepted mail is never
lost. What both need stands beside them.
"""
