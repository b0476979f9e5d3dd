"""A stage by its name, and the names of all that belongs to it."""

import re
from dataclasses import dataclass

from app.room.errors import BadSetting

PROJECT = "manydoors"
NAME = "[a-z][a-z0-9]{0,19}"  # Zappa wants no hyphen, and the name of its role has 64 characters


@dataclass(frozen=True)
class Stage:
    name: str

    def __post_init__(self) -> None:
        if not re.fullmatch(NAME, self.name):
            raise BadSetting(
                f"{self.name!r} cannot be a stage: write 1 to 20 small letters and digits, "
                "a letter first, as in dev."
            )

    @property
    def full(self) -> str:
        """Of its stack, table, queue, topic and function."""
        return f"{PROJECT}-{self.name}"

    @property
    def dead_queue(self) -> str:
        return f"{self.full}-dead"

    @property
    def log_group(self) -> str:
        return f"/aws/lambda/{self.full}"

    def bucket(self, account: str) -> str:
        """Its name tells the account, for buckets of all the world share their names."""
        return f"{self.full}-{account}"
