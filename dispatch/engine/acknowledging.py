"""The control room has seen an alert."""

from dispatch.domain.commands import AcknowledgeAlert
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.events import AlertAcknowledged
from dispatch.domain.model import Acknowledgement
from dispatch.domain.rules import ServiceConfig
from dispatch.engine.alerts import alerts, is_acknowledged
from dispatch.engine.draft import Draft
from dispatch.engine.network import Network


def acknowledge(
    config: ServiceConfig, network: Network, draft: Draft, command: AcknowledgeAlert
) -> None:
    """Record who has seen an alert, and how bad it was; repeating it is no error.

    Raises:
        DomainError: nothing is wrong (any more) by that name.
    """
    present = alerts(config, network, draft.state, draft.now_s)
    alert = next((a for a in present if a.id == command.alert_id), None)
    seen = draft.state.acknowledged.get(command.alert_id)
    if alert is None:
        if seen is None:
            raise DomainError(ErrorCode.ALERT_NOT_FOUND, f"no alert {command.alert_id}")
        return
    if not is_acknowledged(alert, seen, draft.now_s):
        noted = Acknowledgement(alert.id, draft.now_s, command.by, alert.late_s)
        draft.emit(AlertAcknowledged(noted))
