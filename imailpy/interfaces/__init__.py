"""
The doors between rooms, nothing else.

One module a subject. A door's docstring is its specification; a provider
documents only what is its own. Every door that reads changing state is
awaitable, although the embedded store answers at once.
"""
