"""`Engine.decide()`: the one place where a dispatch decision is made. No I/O, no clock."""

from dispatch.engine.engine import Engine
from dispatch.engine.network import Network

__all__ = ["Engine", "Network"]
