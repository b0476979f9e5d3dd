"""Letters of a process that may never send one: TLS is loaded by the first."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from app.ports import Letter, Reply

if TYPE_CHECKING:
    from app.ports.post import DirectPost


class LatePost:
    """See `Post`. As `DirectPost`, whose modules took 7 ms of every cold start."""

    def __init__(self, *, local: bool) -> None:
        self.local = local

    def send(self, letter: Letter, *, refuse: Callable[[str], str | None], within: float) -> Reply:
        return self._post.send(letter, refuse=refuse, within=within)

    @cached_property
    def _post(self) -> "DirectPost":
        from app.ports.post import DirectPost

        return DirectPost(local=self.local)
