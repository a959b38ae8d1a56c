"""
Facts in, `Decision` out.

Each stage of a session is an ordered row of small checks. A check gets the
facts of its stage and the settings, and gives a `Decision` or None, which
means that it has nothing to say. Nothing here waits, looks up or writes: a
look-up that a check needs is awaited on an interface.
"""
