"""What the resolver is told by the configuration."""

from __future__ import annotations

from attrs import frozen

DNS_PORT = 53


@frozen
class Server:
    """A recursive resolver: an IP address and a port."""

    address: str
    port: int = DNS_PORT


@frozen
class DnsSettings:
    """
    How questions are asked.

    Attributes:
        servers: In order of preference; empty: those of `resolv_conf`, and
            127.0.0.1 when it names none.
        resolv_conf: Read at start and at reload.
        timeout_s: For the first try of a server; doubles with each round.
        rounds: Times that the list of servers is gone through.
        budget_s: For one question, whatever happens.
        most_in_flight: Questions on the wire at once; others wait.
        most_waiting: Different questions waiting at most.
        cache_entries: Answers kept.
        shortest_ttl_s: An answer is kept at least so long.
        longest_ttl_s: And at most so long.
        longest_negative_ttl_s: The same for "there is none" [RFC2308 5].
        failure_ttl_s: How long a failure answers the next one who asks.
        trusted: Addresses of servers whose AD bit is believed, besides
            those on loopback.
        randomise_case: Write the question in random case, and want it back
            so: sixteen more bits for a liar to guess.
        tcp_only: Ask over TCP from the start.
    """

    servers: tuple[Server, ...] = ()
    resolv_conf: str = "/etc/resolv.conf"
    timeout_s: float = 2.5
    rounds: int = 2
    budget_s: float = 15.0
    most_in_flight: int = 100
    most_waiting: int = 5_000
    cache_entries: int = 20_000
    shortest_ttl_s: float = 5.0
    longest_ttl_s: float = 86_400.0
    longest_negative_ttl_s: float = 900.0
    failure_ttl_s: float = 5.0
    trusted: frozenset[str] = frozenset()
    randomise_case: bool = True
    tcp_only: bool = False
