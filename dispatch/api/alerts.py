"""Alerts of the control room: what is wrong, and that somebody has seen it."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from dispatch.api.replies import AnySender
from dispatch.api.schemas import Alerts, AlertSeen, answers
from dispatch.api.security import ControlCaller, Settings
from dispatch.domain.commands import AcknowledgeAlert

router = APIRouter(prefix="/alerts", tags=["control room"])
ALERT_PATTERN = r"^[a-z_]{1,40}:[A-Za-z0-9_.:-]{1,150}$"


@router.get("", summary="What is wrong", responses=answers(Alerts))
async def current(settings: Settings, _caller: ControlCaller) -> dict[str, Any]:
    """Promises that will be missed, drivers and vehicles amiss; the most severe first.

    Each says what it is (`kind`, `cause`), by how much (`late_s`), in words, and what can be done
    about it (`choices`). Acknowledged ones come last.
    """
    return await settings.alert_board.look(fresh=True)


@router.post("/{alert_id}/acknowledge", summary="Seen", responses=answers(AlertSeen))
async def acknowledge(
    caller: ControlCaller,
    sender: AnySender,
    alert_id: Annotated[str, Path(pattern=ALERT_PATTERN)],
) -> dict[str, Any]:
    """Somebody has seen an alert. If it gets much worse, or stays for long, it comes back."""
    return await sender.send(AcknowledgeAlert(alert_id, caller.scope))
