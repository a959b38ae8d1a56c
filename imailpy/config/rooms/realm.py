"""What the security realm is told."""

from __future__ import annotations

from imailpy.config.rooms.custom import custom
from imailpy.config.schema import Configuration
from imailpy.policy.networks import Networks, parse_network
from imailpy.policy.settings import (
    ConnectionLimits,
    HelloRules,
    PolicySettings,
    RecipientRules,
    RelaySettings,
    SubmissionRules,
)
from imailpy.realm.settings import (
    STANDARD_WINDOWS,
    LoginSettings,
    RealmSettings,
)


def realm(configuration: Configuration) -> RealmSettings:
    """What the security realm is told."""
    login = configuration.login
    return RealmSettings(
        policy=_policy(configuration),
        login=LoginSettings(
            failure_delay_s=login.failure_delay_s,
            windows=STANDARD_WINDOWS if login.failure_windows else (),
            cache_s=login.cache_s,
            hash_threads=login.hash_threads,
            host_delimiters=login.host_delimiters,
            default_domain=login.default_domain,
        ),
        box_delimiters=configuration.recipients.box_delimiters,
        custom=custom(configuration),
    )


def _policy(configuration: Configuration) -> PolicySettings:
    limits = configuration.limits
    submission = configuration.submission
    smart_host = configuration.delivery.smart_host.host
    return PolicySettings(
        relay=RelaySettings(
            configuration.relay.policy,
            _networks(configuration, "relay", "addresses"),
        ),
        limits=ConnectionLimits(
            limits.per_address,
            limits.per_network,
            limits.total,
            _networks(configuration, "limits", "exempt"),
        ),
        hello=HelloRules(configuration.hello.check_syntax),
        submission=SubmissionRules(
            submission.own_reverse_path,
            submission.null_reverse_path,
            submission.own_author,
            submission.check_domains and not smart_host,
        ),
        recipients=RecipientRules(configuration.recipients.over_quota),
        written=_written(configuration),
    )


def _written(configuration: Configuration) -> dict[str, str]:
    """Where each setting stands that the operator wrote."""
    return {
        ".".join(map(str, path)): configuration.entry(*path)
        for path in configuration.lines.places
        if len(path) > 1 and all(isinstance(part, str) for part in path)
    }


def _networks(
    configuration: Configuration, section: str, name: str
) -> Networks:
    """Read a list of networks; each entry knows its line."""
    texts = getattr(getattr(configuration, section), name)
    return Networks(
        tuple(
            parse_network(text, configuration.entry(section, name, at))
            for at, text in enumerate(texts)
        )
    )
