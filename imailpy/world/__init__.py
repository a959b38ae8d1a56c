"""
The one door to the machine.

`real.RealWorld` is the machine as it is; `simulated` is one that obeys a
seed. Nothing outside this room touches clock, network, files, randomness or
threads.
"""
