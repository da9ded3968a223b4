"""A day with everything going wrong, decided by the real engine: log, tables and memory agree."""

from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from desk import Desk
from grid_network import grid_network
from mishaps import aboard, on_its_way, vehicle_of
from tiny_town import grid_config

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.model import Booking, BookingStatus, Party, Vehicle
from dispatch.domain.state import State
from dispatch.engine import Network
from dispatch.store.audit import differences
from dispatch.store.changes import Changes
from dispatch.store.connect import connect
from dispatch.store.load import load_open_plans, load_state
from dispatch.store.log import append
from dispatch.store.projection import write_changes


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Network:
    folder: Path = tmp_path_factory.mktemp("grid")
    return grid_network(folder)


class Kept:
    """A desk whose log is written to the tables, decision by decision as it was made."""

    def __init__(self, network: Network, connection: psycopg.Connection) -> None:
        config = grid_config()
        van = config.vehicles[0]
        spare = Vehicle("spare", "Reserve", van.depot_id, van.configurations, spare=True)
        self.desk = Desk(network, replace(config, vehicles=(*config.vehicles, spare)))
        self.connection = connection
        self.written = State()
        self.seen = 0

    def write(self) -> None:
        """Write what has happened since the last time, and see that all agree."""
        changes, desk = Changes(), self.desk
        for event in desk.log[self.seen :]:
            changes.apply(self.written, event, desk.now_s)
        self.seen = len(desk.log)
        with self.connection.transaction():
            append(self.connection, "town", 1, changes.log)
            write_changes(self.connection, "town", changes, self.written)
        loaded = load_state(self.connection, "town", before_s=0)
        assert loaded.bookings == desk.state.bookings
        assert loaded.shifts == desk.state.shifts
        assert loaded.out == desk.state.out
        assert load_open_plans(self.connection, "town").out == desk.state.out
        assert differences(self.connection, "town") == []

    def drive_home(self, booking: Booking) -> None:
        desk = self.desk
        while desk.booking(booking).status.is_open:
            desk.arrive(desk.shift(booking))
            action = desk.shift(booking).visits[0].actions[0]
            desk.now_s = max(desk.now_s, action.end_s)
            boards = action.kind == "pickup"
            desk.do((cmd.ReportBoarded if boards else cmd.ReportAlighted)(action.booking_id))
            self.write()


def test_log_tables_and_memory_agree_through_a_bad_day(area_dsn: str, grid: Network) -> None:
    with connect(area_dsn) as connection:
        kept = Kept(grid, connection)
        desk = kept.desk
        kept.write()
        rider = aboard(desk)
        waiting = desk.book(5, 35)
        kept.write()
        shift = on_its_way(desk, rider)
        desk.do(cmd.TakeOutOfService(shift.vehicle_id, "breakdown"))
        kept.write()
        assert desk.booking(rider).rescues == 1
        desk.do(cmd.ReportNotServed("road_blocked", booking_id=waiting.id))
        kept.write()
        kept.drive_home(rider)
        assert desk.booking(rider).status is BookingStatus.COMPLETED
        desk.do(cmd.ReturnToService(shift.vehicle_id))
        kept.write()
        kept.drive_home(waiting)
        desk.do(cmd.SwapVehicle(shift.vehicle_id, "spare"))
        kept.write()
        late = desk.book(7, 30, party=Party(2))
        desk.arrive(desk.shift(late))
        desk.now_s = desk.shift(late).visits[0].depart_s
        desk.do(cmd.ReportBoarded(late.id, Party(1)))
        desk.do(cmd.WalkOn(vehicle_of(desk, late), desk.stop(20), Party(1)))
        kept.write()
        desk.do(cmd.ReportNotServed("stop_unusable", booking_id=late.id))
        kept.write()
        assert desk.booking(late).instead is not None
        kept.drive_home(late)
        rides = connection.execute(
            "SELECT kind, ride FROM plan_action WHERE booking_id = %s ORDER BY ride, kind",
            [rider.id],
        ).fetchall()
        assert rides == [("pickup", 0), ("dropoff", 1), ("pickup", 1)]
        kinds = {type(event) for event in desk.log}
        assert kinds >= {ev.VehicleSwapped, ev.PartyCounted, ev.DropoffReplaced, ev.BookingMade}


def test_a_vehicle_back_in_the_same_second_was_never_out(area_dsn: str, grid: Network) -> None:
    with connect(area_dsn) as connection:
        kept = Kept(grid, connection)
        desk = kept.desk
        for _ in range(2):
            desk.do(cmd.TakeOutOfService("van-1", "other"))
            kept.write()
            desk.do(cmd.ReturnToService("van-1"))
            kept.write()
        desk.do(cmd.TakeOutOfService("van-1", "soiled"))
        desk.do(cmd.ReturnToService("van-1"))
        desk.do(cmd.TakeOutOfService("van-1", "accident"))
        kept.write()
        desk.now_s += 60
        desk.do(cmd.ReturnToService("van-1"))
        kept.write()
