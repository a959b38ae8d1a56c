"""
The roof: the one place that builds the rooms and joins them.

`tap` puts it under twistd, `cli` opens a store without a server. Nothing
below knows that there is a roof.
"""
