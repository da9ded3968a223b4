"""What happens to vehicles: out of service, riders without one."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Nothing yet."""
