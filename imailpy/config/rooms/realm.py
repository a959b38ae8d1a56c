"""What the security realm is told."""

from __future__ import annotations

from imailpy.config import lists
from imailpy.config.access import access_rules
from imailpy.config.rooms.custom import custom
from imailpy.config.rooms.units import DAY_S, HOUR_S, MINUTE_S
from imailpy.config.schema import Configuration
from imailpy.interfaces.world import IDisk
from imailpy.mail import Sign
from imailpy.mail.path import canonical_domain
from imailpy.policy.addresses import NOBODY
from imailpy.policy.settings import (
    ConnectionLimits,
    HarvestRules,
    HelloRules,
    OnwardDomain,
    PolicySettings,
    RecipientRules,
    RelaySettings,
    SendingLimits,
    SpoofSettings,
    SubmissionRules,
)
from imailpy.realm.settings import (
    BanSettings,
    FailureWindow,
    LoginSettings,
    RealmSettings,
    StressSettings,
)


def realm(
    configuration: Configuration, disk: IDisk | None = None
) -> RealmSettings:
    """
    What the security realm is told.

    Args:
        disk: Where the lists are that it names; None: they are left out.
    """
    login = configuration.login
    return RealmSettings(
        policy=_policy(configuration, disk),
        login=LoginSettings(
            failure_delay_s=login.failure_delay_s,
            windows=_windows(configuration),
            cache_s=login.cache_s,
            hash_threads=login.hash_threads,
            host_delimiters=login.host_delimiters,
            default_domain=login.default_domain,
            slow_after=login.slow_after,
            slow_step_s=login.slow_step_s,
            slow_most_s=login.slow_most_s,
            known_days=login.known_days,
        ),
        box_delimiters=configuration.recipients.box_delimiters,
        bans=_bans(configuration),
        stress=StressSettings(
            configuration.stress.share, calm_s=configuration.stress.calm_s
        ),
        custom=custom(configuration),
    )


def _windows(configuration: Configuration) -> tuple[FailureWindow, ...]:
    """How many logins may fail from a network."""
    login = configuration.login
    if not login.failure_windows:
        return ()
    return (
        FailureWindow(int(MINUTE_S), *login.failures_a_minute),
        FailureWindow(int(DAY_S), *login.failures_a_day),
    )


def _bans(configuration: Configuration) -> BanSettings:
    said = configuration.bans
    return BanSettings(
        enabled=said.enabled,
        score=said.score,
        window_s=int(said.window_minutes * MINUTE_S),
        weights={sign: getattr(said.weights, sign.value) for sign in Sign},
        first_s=said.first_minutes * MINUTE_S,
        growth=said.growth,
        longest_s=said.longest_hours * HOUR_S,
        repeat_s=said.repeat_days * DAY_S,
        most=said.most,
        exempt=lists.networks(configuration, "bans", "exempt"),
    )


def _policy(
    configuration: Configuration, disk: IDisk | None
) -> PolicySettings:
    limits = configuration.limits
    submission = configuration.submission
    smart_host = configuration.delivery.smart_host.host
    return PolicySettings(
        relay=_relay(configuration, disk),
        limits=ConnectionLimits(
            limits.per_address,
            limits.per_network,
            limits.total,
            lists.networks(configuration, "limits", "exempt"),
            limits.address_rate,
            limits.network_rate,
            limits.message_rate,
        ),
        access=access_rules(configuration, disk),
        harvest=HarvestRules(
            configuration.harvest.slow_after,
            configuration.harvest.delay_s,
            configuration.harvest.most,
            int(configuration.harvest.window_minutes * MINUTE_S),
        ),
        hello=HelloRules(configuration.hello.check_syntax),
        submission=SubmissionRules(
            submission.own_reverse_path,
            submission.null_reverse_path,
            submission.own_author,
            submission.check_domains and not smart_host,
        ),
        recipients=RecipientRules(configuration.recipients.over_quota),
        spoof=SpoofSettings(
            configuration.spoof.local_sender,
            lists.networks(configuration, "spoof", "exempt"),
        ),
        sending=SendingLimits(
            configuration.sending.messages_a_day,
            configuration.sending.recipients_a_day,
            configuration.sending.first_time_recipients_a_day,
            configuration.sending.burst,
            configuration.sending.over,
        ),
        written=_written(configuration),
    )


def _written(configuration: Configuration) -> dict[str, str]:
    """Where each setting stands that the operator wrote."""
    return {
        ".".join(map(str, path)): configuration.entry(*path)
        for path in configuration.lines.places
        if len(path) > 1 and all(isinstance(part, str) for part in path)
    }


def _relay(configuration: Configuration, disk: IDisk | None) -> RelaySettings:
    said = configuration.relay
    return RelaySettings(
        said.policy,
        lists.networks(
            configuration, "relay", "addresses", said.addresses_file, disk
        ),
        lists.addresses(
            configuration, "relay", "accept", said.accept_file, disk
        ),
        {
            canonical_domain(name): OnwardDomain(
                domain.recipients,
                (
                    lists.address_file(domain.recipients_file, disk)
                    if domain.recipients_file and disk is not None
                    else NOBODY
                ),
                domain.defer,
                configuration.entry("relay", "domains", name),
            )
            for name, domain in said.domains.items()
        },
    )
