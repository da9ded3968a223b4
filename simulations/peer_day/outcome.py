"""A driven day as plain records: what the independent check and the key figures read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from simulations.peer_day.driving import NOBODY
from simulations.peer_day.network import TICK_BITS

if TYPE_CHECKING:
    from simulations.peer_day.driving import Record
    from simulations.peer_day.files import Ints
    from simulations.peer_day.network import Network


class Halt(NamedTuple):
    """One passenger boards or alights; seconds of the day."""

    vehicle: int
    start_s: int
    end_s: int


class Pass(NamedTuple):
    """A vehicle comes to a node."""

    node: int
    time_s: float


class DrivenDay(NamedTuple):
    """What happened.

    Attributes:
        accepted: by request, whether it was promised a ride.
        pickups: by request; None if it did not take place.
        dropoffs: by request.
        tracks: by vehicle, all nodes it came to, beginning with the one where it started.
    """

    accepted: list[bool]
    pickups: list[Halt | None]
    dropoffs: list[Halt | None]
    tracks: list[list[Pass]]


def driven_day(network: Network, starts: Ints, accepted: list[bool], record: Record) -> DrivenDay:
    """The record of a day as plain Python values, nodes as the roads number them.

    Args:
        network: of the day.
        starts: int32[V], the nodes at which the vehicles started.
        accepted: by request.
        record: what the kernels noted down.
    """
    actions = zip(
        record.vehicle.tolist(), record.start_s.tolist(), record.end_s.tolist(), strict=True
    )
    halts = [None if action[0] == NOBODY else Halt(*action) for action in actions]
    tracks = [[Pass(node, 0.0)] for node in starts.tolist()]
    used = int(record.passes[0])
    node_of = network.times.hierarchy.node
    for vehicle, node, tick in zip(
        record.pass_vehicle[:used].tolist(),
        node_of[record.pass_rank[:used]].tolist(),
        record.pass_tick[:used].tolist(),
        strict=True,
    ):
        tracks[vehicle].append(Pass(node, tick / (1 << TICK_BITS)))
    return DrivenDay(accepted, halts[::2], halts[1::2], tracks)
