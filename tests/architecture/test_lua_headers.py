"""The ledger's scripts read as their headers say, stay small, and keep out of what Lua does badly."""

import ast
import re
from pathlib import Path

import pytest

from auction.ledger.scripts import load_scripts

ROOT = Path(__file__).resolve().parents[2]
LUA = ROOT / "auction" / "ledger" / "lua"
FILES = sorted(LUA.rglob("*.lua"))
INCLUDES = sorted((LUA / "include").glob("*.lua"))
SCRIPTS = load_scripts()

NEVER_A_NUMBER = {
    "action_key",
    "bidder",
    "key",
    "lot.id",
    "lot.leader",
    "lot.was_leader",
    "name",
    "i",  # the position in a batch, at most 512
}
"""What may stand beside `..`: everything else might be an amount, which Lua prints with 14 digits."""
ARGUMENTS_AS_TEXT = {"tostring(s)", "text(now)"}  # an ARGV as it came in the sentence that refuses it; exact text

_OPERAND = r"('[^'\n]*'|\w+\([^()]*\)|[\w.]+(?:\[\w+\])?)"
BEFORE = re.compile(_OPERAND + r"\s*$")
AFTER = re.compile(r"\s*" + _OPERAND)
COMMANDS_6_2 = {
    "DEL",
    "EXISTS",
    "HEXISTS",
    "GET",
    "RENAME",
    "HGET",
    "HGETALL",
    "HDEL",
    "HINCRBY",
    "HLEN",
    "HMGET",
    "HSET",
    "PERSIST",
    "TIME",
    "XADD",
    "XLEN",
    "ZADD",
    "ZCARD",
    "ZREM",
    "ZSCORE",
}
"""All in Redis 6.2 with the arguments used here, as in Valkey 7.2 and later."""


def code_of(path: Path) -> str:
    """The file without its comments."""
    text = re.sub(r"--\[\[.*?\]\]", "", path.read_text("utf-8"), flags=re.DOTALL)
    return re.sub(r"--[^\n]*", "", text)


def test_every_file_is_a_script_or_an_include() -> None:
    assert {path.stem for path in LUA.glob("*.lua")} == set(SCRIPTS)
    assert {path.parent for path in FILES} == {LUA, LUA / "include"}


def test_a_file_is_under_100_lines_of_at_most_120_characters(subtests: pytest.Subtests) -> None:
    for path in FILES:
        with subtests.test(path.stem):
            lines = path.read_text("utf-8").splitlines()
            assert len(lines) < 100
            assert max(map(len, lines)) <= 120
            assert not any("\t" in line or line != line.rstrip() for line in lines)


def test_an_include_opens_with_what_it_is_for_and_is_used(subtests: pytest.Subtests) -> None:
    for path in INCLUDES:
        with subtests.test(path.stem):
            assert path.read_text("utf-8").startswith(f"-- {path.stem}: ")
            users = [
                other
                for other in FILES
                if re.search(rf"^-- include: .*\b{path.stem}\b", other.read_text("utf-8"), re.MULTILINE)
            ]
            assert users


def test_no_amount_becomes_text_by_itself(subtests: pytest.Subtests) -> None:
    for path in FILES:
        with subtests.test(path.stem):
            code = code_of(path)
            for dots in re.finditer(r"\.\.", code):
                left, right = BEFORE.search(code, 0, dots.start()), AFTER.match(code, dots.end())
                assert left, "what stands before `..` must be plain to see"
                assert right, "what stands after `..` must be plain to see"
                for side in (left[1], right[1]):
                    assert side.startswith("'") or side in NEVER_A_NUMBER | ARGUMENTS_AS_TEXT, (
                        f"{left[1]} .. {right[1]}"
                    )
            assert set(re.findall(r"tostring\([^)]*\)", code)) <= ARGUMENTS_AS_TEXT
            assert not re.search(r"string\.format\('(?!%\.0f')", code), "amounts are written with %.0f"


def test_no_script_spells_a_key(subtests: pytest.Subtests) -> None:
    for path in FILES:
        with subtests.test(path.stem):
            code = code_of(path)
            assert "a1:" not in code
            assert "'{" not in code
            for call in re.findall(r"redis\.call\('\w+', ([^,)]+)", code):
                assert re.fullmatch(r"KEYS\[\d\]|keys\.\w+|lot\.key|(\w+_)?key", call), (
                    f"{call} does not come from KEYS"
                )


def test_scripts_use_nothing_newer_than_redis_6_2(subtests: pytest.Subtests) -> None:
    for path in FILES:
        with subtests.test(path.stem):
            code = code_of(path)
            assert set(re.findall(r"redis\.call\('(\w+)'", code)) <= COMMANDS_6_2
            assert not re.search(r"redis\.(?!call\b|error_reply\b|sha1hex\b)\w+", code)
            assert "redis.call(" not in re.sub(r"redis\.call\('\w+'", "", code), "a command is spelt where it is called"
            assert not re.search(r"\b(os|io|math\.random|loadstring|server)\b[.(]", code)
            assert not code.startswith("#!"), "function flags came with 7.0"


def test_what_a_script_mirrors_exists(subtests: pytest.Subtests) -> None:
    for script in SCRIPTS.values():
        with subtests.test(script.name):
            path, _, names = script.mirrors.partition("::")
            tree = ast.parse((ROOT / path).read_text("utf-8"))
            defined = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
            mentioned = re.findall(r"\w+", names.partition(" (")[0])
            assert mentioned
            assert set(mentioned) <= defined


def test_what_an_include_mirrors_exists(subtests: pytest.Subtests) -> None:
    for path in INCLUDES:
        with subtests.test(path.stem):
            comment = "\n".join(line[3:] for line in path.read_text("utf-8").splitlines() if line.startswith("-- "))
            module = ""
            for named, name in re.findall(r"(auction/[\w/]+\.py|)::(\w+)", comment):
                module = named or module
                tree = ast.parse((ROOT / module).read_text("utf-8"))
                assert name in {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}


def test_a_script_lists_every_code_it_answers(subtests: pytest.Subtests) -> None:
    for script in [script for script in SCRIPTS.values() if script.name != "place_bids"]:
        with subtests.test(script.name):
            own = code_of(LUA / f"{script.name}.lua")
            answered = set()
            for call in re.findall(r"answer\((.*?), (?:lot|nil), now\)", own):
                answered |= set(re.findall(r"'([a-z-]+)'", call)) - {"closed", "void", "open"}
            listed = script.returns.partition("codes: ")[2]
            codes = {re.sub(r"\s*\(.*?\)", "", code).strip() for code in re.sub(r"\([^)]*\)", "", listed).split(",")}
            assert codes == answered


def test_the_answers_of_place_bids_are_the_codes_of_the_rules() -> None:
    from auction.domain.errors import RefusalCode

    code = code_of(LUA / "place_bids.lua") + code_of(LUA / "include" / "refusal.lua")
    spelt = set(re.findall(r"'([a-z]+(?:-[a-z]+)+)'", code))
    assert spelt == set(map(str, RefusalCode))


def test_the_keys_of_a_header_are_the_layout(subtests: pytest.Subtests) -> None:
    for script in SCRIPTS.values():
        with subtests.test(script.name):
            layout = {
                "lot:<id>",
                "lot:<id>:bidders",
                "lot:<id>:keys",
                "purse:<sale>",
                "due",
                "ledger",
                "lineage",
                "activity",
            }
            layout |= {"lot:<id>:bidders:restored", "lot:<id>:keys:restored"}
            for key in script.keys:
                spelt = re.search(r"a1:\{shard\}:(\S+)", key)
                assert spelt, f"{key!r} does not show its name"
                assert spelt[1] in layout
