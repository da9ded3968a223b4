"""The life of bookings: changed, pinned to a vehicle, recurring, in groups, waiting for room."""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Nothing yet."""
