"""What is bounded in service, each limit in one place with a name; see docs/operations.md.

Seconds are real time. "Per process" means per web process, "in all" over all processes and hosts.
"""

from typing import Final

# -- commands on their way to the dispatcher

BACKLOG_WISHES: Final = 300
"""Undecided commands in all, from which on new ride requests are refused (`overloaded`)."""
BACKLOG_ALL: Final = 1_200
"""The same for everything else: who has an offer, sits in a vehicle or drives one comes first."""
BACKLOG_OLDEST_S: Final = 8.0
"""Age of a rider's undecided command, from which on nothing is taken; a take-over is quicker."""
BACKLOG_LOOK_S: Final = 0.1
"""How old what a web process knows of the backlog may be."""
CALLERS_MAX: Final = 400
"""Callers per process who wait for the dispatcher's answer."""
ANSWER_S: Final = 10.0
"""Longest wait for an answer; then 503, and the same key asks again."""

# -- the database

POOL_MAX: Final = 8
"""Connections per web process."""
POOL_WAITING_MAX: Final = 200
"""Queries per process that wait for a connection."""
POOL_CHECKOUT_S: Final = 0.5
"""Longest wait for a connection, after which it is tried again as long as patience lasts."""
STORE_PATIENCE_S: Final = 2.0
"""How long a web process tries while the database is away."""

# -- positions

POSITIONS_PER_S: Final = 5.0
"""Reports taken of one vehicle per process, on average; beyond it 429."""
POSITIONS_BURST: Final = 20
"""Reports of one vehicle at once, such as after a tunnel; a list is one report."""
POSITIONS_WAITING_MAX: Final = 2_000
"""Reports in all that wait for the dispatcher; older ones are dropped, they are soon worthless."""

# -- live events

STREAMS_MAX: Final = 1_000
"""Event streams per process; beyond it 503, and pages poll."""
NOTICES_MAX: Final = 256
"""Notices that wait for one listener; one that cannot follow is told to look instead."""
REPLIES_MAX: Final = 4_096
"""Answers a process remembers in case they come before their question is waited for."""
SEND_S: Final = 30.0
"""How long a listener may leave what was sent unread before it is let go."""

# -- HTTP

BODY_MAX_BYTES: Final = 64 * 1024
"""Size of a request's body."""
LIST_MAX_BYTES: Final = 2 * 1024 * 1024
"""The same for a list of closures."""
BODY_S: Final = 10.0
"""Time for a request's body to come."""
HEAD_S: Final = 10.0
"""Time for a request's head to come, from the connection's beginning or its first byte."""
HEAD_MAX_BYTES: Final = 16 * 1024
"""Size of a request's head."""
KEEP_ALIVE_S: Final = 15
"""How long an idle connection is kept."""
CONNECTIONS_MAX: Final = 2_000
"""Connections per process; further requests get a bare 503."""
BACKLOG_CONNECTIONS: Final = 1_024
"""Connections that may wait to be accepted."""
STOP_S: Final = 3
"""What a web process that stops leaves to requests under way."""

# -- attempts to prove something

TOKENS_REMEMBERED: Final = 1_000
"""Bearer tokens whose role a process remembers."""
TOKEN_S: Final = 5.0
"""For how long; a revoked token is worthless after that."""
SCOPES_REMEMBERED: Final = 10_000
"""Whose failed attempts a process counts by itself, in case Redis is away."""
