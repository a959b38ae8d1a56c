"""What the security realm is told."""

from __future__ import annotations

from imailpy.config.schema import Configuration
from imailpy.policy.networks import Networks, parse_network
from imailpy.policy.settings import (
    ConnectionLimits,
    HelloRules,
    PolicySettings,
    RecipientRules,
    RelaySettings,
    SendingLimits,
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
        sending=SendingLimits(
            configuration.sending.messages_a_day,
            configuration.sending.recipients_a_day,
            configuration.sending.first_time_recipients_a_day,
            configuration.sending.burst,
            configuration.sending.over,
            configuration.entry("sending"),
        ),
    )


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
