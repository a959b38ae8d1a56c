"""
Look-ups: a strict stub resolver, and one that reads a table.

A question goes to recursive resolvers of ours; what comes back is believed
only after every field that can be checked was checked. `stub.Resolver` is the
real one, `fixed.FixedResolver` answers from a table of names.
"""
