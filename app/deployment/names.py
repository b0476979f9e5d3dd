"""The names of all that belongs to a stage."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from app.room.errors import BadSetting

PROJECT = "manydoors"
SETTINGS = Path(__file__).parents[2] / "zappa_settings.json"
STAGE = "[a-z][a-z0-9]{0,19}"  # Zappa wants no hyphen, and the name of its role has 64 characters


@dataclass(frozen=True)
class Names:
    stage: str

    def __post_init__(self) -> None:
        if not re.fullmatch(STAGE, self.stage):
            raise BadSetting(
                f"{self.stage!r} cannot be a stage: write 1 to 20 small letters and digits, "
                "a letter first, as in dev."
            )

    def check_declared(self) -> None:
        """A slip of the pen would else make a table and a bucket that are hard to take away."""
        declared = json.loads(SETTINGS.read_text(encoding="utf-8"))
        if self.stage not in declared:
            raise BadSetting(
                f"{SETTINGS.name} has no stage {self.stage!r}, but {', '.join(declared)}. For a "
                f'new one write "{self.stage}": {{"extends": "dev"}} there.'
            )

    @property
    def full(self) -> str:
        """Of its table, queue, topic and function."""
        return f"{PROJECT}-{self.stage}"

    @property
    def stack(self) -> str:
        """Of what it stands on. Zappa makes a stack of its own, named as the function is, and
        would take one of that name for its own: the queues would go at the first deployment."""
        return f"{self.full}-base"

    @property
    def dead_queue(self) -> str:
        return f"{self.full}-dead"

    @property
    def log_group(self) -> str:
        return f"/aws/lambda/{self.full}"

    def bucket(self, account: str) -> str:
        """It tells the account, for the buckets of all the world share their names."""
        return f"{self.full}-{account}"
