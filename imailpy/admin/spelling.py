"""Facts, checks and decisions as plain values, for people and programs."""

from __future__ import annotations

from enum import Enum
from typing import Any

import attrs

from imailpy.interfaces.realm import Standing
from imailpy.mail import (
    Client,
    Decision,
    MailParameters,
    Path,
    Recipient,
)
from imailpy.policy.facts import MailFacts, MessageFacts, Session
from imailpy.policy.pipeline import Check, Row
from imailpy.policy.settings import PolicySettings
from imailpy.realm.rehearsal import Stage

# Facts of an earlier stage are shown there.
_EARLIER = (MailFacts, MessageFacts)
# Spelt with their fields beside those of the stage.
_OPENED = (Session, Standing, MailParameters)


def facts_of(facts: Any) -> dict[str, Any]:
    """Spell what a stage's checks saw."""
    plain: dict[str, Any] = {}
    if facts is None or not attrs.has(type(facts)):
        return plain
    for each in attrs.fields(type(facts)):
        if each.name.startswith("_"):
            continue
        value = getattr(facts, each.name)
        if isinstance(value, _EARLIER):
            continue
        if isinstance(value, _OPENED):
            plain.update(facts_of(value))
        elif isinstance(value, Client):
            plain["client"] = value.address
            plain["listener"] = value.listener
            plain["service"] = value.service
        elif isinstance(value, Recipient):
            plain["recipient"] = str(value.forward_path)
        elif hasattr(value, "account") and hasattr(value, "may_send_as"):
            plain["user"] = str(value.account.address)
        else:
            spelt = _simple(value)
            if spelt is not None or value is None:
                plain[each.name] = spelt
    return plain


def _simple(value: Any) -> Any:
    """Spell a value that JSON knows; None for one that it does not."""
    if isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value) or "<>"
    if isinstance(value, (tuple, list, frozenset)):
        spelt = [_simple(each) for each in value]
        return None if None in spelt else spelt
    if value is not None and attrs.has(type(value)):
        return facts_of(value)
    return None


def decision_of(decision: Decision | None) -> dict[str, Any] | None:
    """Spell a decision."""
    if decision is None:
        return None
    reply = decision.reply
    return {
        "verdict": decision.verdict.value,
        "rule": decision.rule,
        "reason": decision.reason,
        "entry": decision.entry,
        "reply": None if reply is None else str(reply),
    }


def what_it_does(check: Check[Any]) -> str:
    """Give the first paragraph of a check's docstring, in one line."""
    text = (check.function.__doc__ or check.name).strip()
    return " ".join(text.split("\n\n")[0].split())


def _written(check: Check[Any], settings: PolicySettings) -> str:
    """Where a check is configured; access lists: all of them."""
    if check.setting != "access.service":
        return check.entry(settings)
    tables = [each.where for each in settings.access.lists.values()]
    return ", ".join(filter(None, tables)) or "access (default)"


def checks_of(row: Row[Any], settings: PolicySettings) -> list[dict[str, Any]]:
    """Spell the checks of a stage in their order."""
    return [
        {
            "stage": row.stage,
            "step": place.step,
            "place": place.name,
            "check": check.name,
            "does": what_it_does(check),
            "on": check.is_on(settings),
            "setting": check.setting or None,
            "entry": _written(check, settings),
        }
        for place in row.places
        for check in place.checks
    ]


def stage_of(
    stage: Stage, row: Row[Any] | None, settings: PolicySettings
) -> dict[str, Any]:
    """Spell one decision and the way to it."""
    places = {
        check.name: place
        for place in (row.places if row is not None else ())
        for check in place.checks
    }
    checks = []
    for asked in stage.asked:
        place = places.get(asked.check.name)
        checks.append(
            {
                "step": place.step if place is not None else 0,
                "place": place.name if place is not None else "",
                "check": asked.check.name,
                "entry": asked.check.entry(settings),
                "said": decision_of(asked.said),
            }
        )
    return {
        "stage": stage.name,
        "about": stage.about,
        "facts": facts_of(stage.facts),
        "checks": checks,
        "decision": decision_of(stage.decision),
    }
