"""All checks and watchers, by name; a new subject is added here."""

from collections.abc import Callable, Mapping
from typing import Final

from dispatch.audit import agreement, inbox, messages, orphans, plans, promises
from dispatch.audit.evidence import Check, Watcher

CHECKS: Final[Mapping[str, Check]] = {
    "agreement": agreement.check,
    "order": inbox.check_order,
    "answers": inbox.check_answers,
    "orphans": orphans.check,
    "messages": messages.check,
    "promises": promises.check,
    "plans": plans.check,
}
WATCHERS: Final[tuple[Callable[[], Watcher], ...]] = (promises.Watch,)
