"""Private PostgreSQL and Redis servers that come with the Python environment.

Nothing has to be installed or configured for a first ride: the servers live under the var folder,
listen on unix sockets only and die with the process that started them.
"""

from dispatch.embedded.errors import EmbeddedError
from dispatch.embedded.postgres import EmbeddedPostgres
from dispatch.embedded.redis import EmbeddedRedis

__all__ = ["EmbeddedError", "EmbeddedPostgres", "EmbeddedRedis"]
