"""The production scripts on a clock that the test sets.

The source that is loaded is the expanded source of the package with one expression replaced: what `TIME` answers
comes as two more words of the call. Everything else, the rule that a lot's time never runs back included, is theirs.
"""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha1

from redis.asyncio import Redis

from auction.ledger.scripts import Script, ScriptCaller, load_scripts

READ_TIME = "redis.call('TIME')"


def steered(script: Script) -> Script:
    """The script with its one reading of the server's clock replaced."""
    assert script.source.count(READ_TIME) == 1, f"{script.name} must read the clock once"
    known = len(script.arguments)
    source = script.source.replace(READ_TIME, f"{{ARGV[{known + 1}], ARGV[{known + 2}]}}")
    return replace(
        script,
        arguments=(*script.arguments, "seconds", "microseconds"),
        source=source,
        sha1=sha1(source.encode(), usedforsecurity=False).hexdigest(),
    )


class SteeredCaller(ScriptCaller):
    """Calls the scripts at `clock_ms`, UTC ms."""

    def __init__(self, redis: "Redis", clock_ms: int) -> None:
        super().__init__(redis)
        self.clock_ms = clock_ms
        self._scripts = {name: steered(script) for name, script in load_scripts().items()}

    async def call(self, name: str, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> bytes:
        """The script's reply, at the time that was set."""
        return await super().call(name, keys, self._at_the_time(arguments))

    async def call_all(
        self, name: str, calls: Sequence[tuple[Sequence[str], Sequence[str | bytes | int]]]
    ) -> list[bytes]:
        """The script's replies, at the time that was set."""
        return await super().call_all(name, [(keys, self._at_the_time(arguments)) for keys, arguments in calls])

    def _at_the_time(self, arguments: Sequence[str | bytes | int]) -> Sequence[str | bytes | int]:
        seconds, ms = divmod(self.clock_ms, 1000)
        return (*arguments, seconds, ms * 1000 + 999)
