"""What store, certificates and resolver are told."""

from __future__ import annotations

from imailpy.config.fields import read_server
from imailpy.config.listeners import listeners
from imailpy.config.rooms.units import DAY_S, MIB
from imailpy.config.schema import Configuration
from imailpy.dns.settings import DnsSettings, Server
from imailpy.history.settings import HistorySettings
from imailpy.mail.facts import canonical_address
from imailpy.store.settings import StoreSettings
from imailpy.tls.settings import CertificateFiles, TlsSettings


def store(configuration: Configuration) -> StoreSettings:
    """What the store is told."""
    storage = configuration.storage
    return StoreSettings(
        directory=storage.directory,
        min_free_octets=storage.min_free_mb * MIB,
        min_free_percent=storage.min_free_percent,
        reserve_octets=storage.reserve_mb * MIB,
        spool_octets=storage.spool_mb * MIB,
        undelete_s=storage.undelete_days * DAY_S,
    )


def history(configuration: Configuration) -> HistorySettings:
    """What the decision history is told."""
    return HistorySettings(
        directory=configuration.storage.directory,
        days=configuration.history.days,
        most_octets=configuration.history.max_mb * MIB,
        min_free_octets=configuration.storage.min_free_mb * MIB,
    )


def tls(configuration: Configuration) -> TlsSettings:
    """What the keeper of certificates is told."""
    return TlsSettings(
        certificates=tuple(
            CertificateFiles(each.certificate, each.key)
            for each in configuration.tls.certificates
        ),
        legacy=configuration.tls.legacy,
        trust_file=configuration.tls.trust_file or None,
        client_ca_files=tuple(
            sorted(
                {
                    each.tls_client_ca
                    for each in listeners(configuration.listeners)
                    if each.enabled and each.tls_client_ca
                }
            )
        ),
    )


def dns(configuration: Configuration) -> DnsSettings:
    """What the resolver is told."""
    return DnsSettings(
        servers=tuple(
            Server(*read_server(text)) for text in configuration.dns.servers
        ),
        trusted=frozenset(
            canonical_address(text) for text in configuration.dns.trusted
        ),
        timeout_s=configuration.dns.timeout_s,
    )
