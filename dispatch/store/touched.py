"""Which standing orders, days and places on the waiting list events have touched."""

from dataclasses import dataclass, field
from datetime import date

from dispatch.domain import booking_events as be


@dataclass(slots=True)
class Touched:
    """Ids of what has to be written because of events around the life of bookings."""

    series: set[str] = field(default_factory=set)
    series_days: set[tuple[str, date]] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)

    def note(self, event: object) -> bool:
        """Remember what an event has touched; says whether it is one of these."""
        match event:
            case be.SeriesCreated(series):
                self.series.add(series.id)
            case be.SeriesEnded(series_id):
                self.series.add(series_id)
            case be.SeriesDayBooked(day) | be.SeriesDayUnplanned(day) | be.SeriesDaySkipped(day):
                self.series_days.add(day.key)
            case be.WaitingJoined(entry):
                self.waiting.add(entry.request_id)
            case be.WaitingServed() | be.WaitingLeft() | be.WaitingLapsed():
                self.waiting.add(event.request_id)
            case _:
                return False
        return True
