"""What riders are told: the outbox, and how each wants to be told."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Nothing yet."""
