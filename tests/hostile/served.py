"""The same operations for a service that is a process of its own."""

from app.room.operation import REGISTRY
from tests.hostile.operations import declare

declare(REGISTRY)
