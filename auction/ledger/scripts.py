"""Loads and calls the ledger's Lua scripts; in the bid's way, under `bid_ledger`.

A script file begins with a header (name, KEYS, ARGV, Returns, Mirrors), which is parsed and checked here; the number of
KEYS and ARGV is checked at every call. A line `-- include: name ...` is replaced by files of `lua/include`, each once.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, ResponseError

_HEADER = re.compile(r"\A--\[\[ (?P<name>\w+): (?P<purpose>[^\n]+)\n(?P<body>.*?) \]\]\n", re.DOTALL)
_NUMBERED = re.compile(r"^  (KEYS|ARGV)\[(\d+)\]  (\S.*)$", re.MULTILINE)
_FACT = re.compile(r"^  (Returns|Mirrors)  (\S.*(?:\n {9,}\S.*)*)$", re.MULTILINE)
_INCLUDE = re.compile(r"^-- include: ([\w ]+)$", re.MULTILINE)


class ScriptInvalid(Exception):
    """A script file with a faulty header or include; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Script:
    """A script: what its header says, its source with includes expanded, and the source's SHA-1."""

    name: str
    purpose: str
    keys: tuple[str, ...]
    arguments: tuple[str, ...]
    returns: str
    mirrors: str
    source: str
    sha1: str


def parse(name: str, text: str, includes: dict[str, str]) -> Script:
    """A script from its file's text and the includes by name. Raises ScriptInvalid."""
    header = _HEADER.match(text)
    if header is None:
        raise ScriptInvalid(f"{name}.lua must open with '--[[ {name}: what it does' and close its header with ' ]]'")
    if header["name"] != name:
        raise ScriptInvalid(f"{name}.lua calls itself {header['name']}")
    facts = dict(_FACT.findall(header["body"]))
    for fact in ("Returns", "Mirrors"):
        if fact not in facts:
            raise ScriptInvalid(f"{name}.lua does not say what it {fact.lower()}")
    source = expand(text, includes)
    body = source[header.end() :]
    return Script(
        name=name,
        purpose=header["purpose"],
        keys=_numbered(name, "KEYS", header["body"], body),
        arguments=_numbered(name, "ARGV", header["body"], body),
        returns=" ".join(facts["Returns"].split()),
        mirrors=" ".join(facts["Mirrors"].split()),
        source=source,
        sha1=sha1(source.encode(), usedforsecurity=False).hexdigest(),
    )


def _numbered(name: str, table: str, header: str, body: str) -> tuple[str, ...]:
    listed = [(int(number), what) for kind, number, what in _NUMBERED.findall(header) if kind == table]
    if [number for number, _ in listed] != list(range(1, len(listed) + 1)):
        raise ScriptInvalid(f"{name}.lua must list {table}[1], {table}[2], ... in order")
    used = {int(number) for number in re.findall(rf"\b{table}\[(\d+)\]", body)}
    if used != {number for number, _ in listed}:
        raise ScriptInvalid(f"{name}.lua uses {table} {sorted(used)} but its header lists {len(listed)}")
    return tuple(what for _, what in listed)


def expand(text: str, includes: dict[str, str], seen: set[str] | None = None) -> str:
    """The text with each include line replaced by its files, each once, preceded by what they include themselves."""
    seen = set() if seen is None else seen

    def replacement(line: re.Match[str]) -> str:
        parts = []
        for include in line[1].split():
            if include not in includes:
                raise ScriptInvalid(f"no include named {include}")
            if include not in seen:
                seen.add(include)
                parts.append(expand(includes[include], includes, seen))
        return "\n".join(parts)

    return _INCLUDE.sub(replacement, text)


@cache
def load_scripts() -> dict[str, Script]:
    """The package's scripts by name. Raises ScriptInvalid."""
    folder = files("auction.ledger") / "lua"
    includes = {
        path.name.removesuffix(".lua"): path.read_text(encoding="utf-8") for path in (folder / "include").iterdir()
    }
    found = {}
    for path in sorted(folder.iterdir(), key=lambda p: p.name):
        if path.name.endswith(".lua"):
            name = path.name.removesuffix(".lua")
            found[name] = parse(name, path.read_text(encoding="utf-8"), includes)
    return found


class ScriptCaller:
    """Calls scripts on one server by SHA-1, or with their source where the server does not have them."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._scripts = load_scripts()

    async def call(self, name: str, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> bytes:
        """The script's reply (msgpack). Raises the client's errors, and TypeError for a wrong number of words."""
        script = self._script(name, keys, arguments)
        try:
            reply = await self._run("EVALSHA", script.sha1, keys, arguments)
        except NoScriptError:
            reply = await self._run("EVAL", script.source, keys, arguments)
        return cast(bytes, reply)

    async def call_all(
        self, name: str, calls: Sequence[tuple[Sequence[str], Sequence[str | bytes | int]]]
    ) -> list[bytes]:
        """The replies of one script to many calls (keys, arguments), sent together. Raises the first of their errors.

        Those before and after the one that fails may have been executed.
        """
        words = []
        for keys, arguments in calls:
            script = self._script(name, keys, arguments)
            words.append(_packed(("EVALSHA", script.sha1, len(keys), *keys, *arguments)))
        pool: Any = self._redis.connection_pool
        connection = await pool.get_connection()
        replies: list[Any] = []
        try:
            await connection.send_packed_command(b"".join(words), check_health=False)
            for _ in calls:
                try:
                    replies.append(await connection.read_response())
                except ResponseError as error:
                    # the others have their replies on this connection, which have to be read
                    replies.append(error)
        finally:
            await pool.release(connection)
        for place, (keys, arguments) in enumerate(calls):
            if isinstance(replies[place], NoScriptError):
                replies[place] = await self._run("EVAL", self._scripts[name].source, keys, arguments)
            elif isinstance(replies[place], ResponseError):
                raise replies[place]
        return cast(list[bytes], replies)

    def _script(self, name: str, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Script:
        script = self._scripts[name]
        if len(keys) != len(script.keys) or len(arguments) != len(script.arguments):
            raise TypeError(f"{name} takes keys {script.keys} and arguments {script.arguments}")
        return script

    async def _run(self, verb: str, script: str, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        # not by `execute_command`, whose retries, measurements and answers by command a script has no use for
        pool: Any = self._redis.connection_pool
        connection = await pool.get_connection()
        try:
            await connection.send_packed_command(
                _packed((verb, script, len(keys), *keys, *arguments)), check_health=False
            )
            return await connection.read_response()
        finally:
            await pool.release(connection)


def _packed(words: Sequence[str | bytes | int]) -> bytes:
    """A command as the protocol has it."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word if isinstance(word, bytes) else word.encode() if isinstance(word, str) else b"%d" % word
        parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(parts)
