"""The wheel: it carries all that is not Python as well, and works where the tree is far away."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command: object, cwd: Path, **environment: str) -> str:
    """Run a command with the settings of this machine out of the way; its output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AUCTION_", "PYTHON", "COV"))}
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=kept | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as a release is."""
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out, cwd=ROOT)
    (built,) = out.glob("flash_auction-*.whl")
    return built


@pytest.mark.parametrize(
    "source, pattern, place",
    [
        ("auction/ledger/lua", "*.lua", "auction/ledger/lua"),
        ("auction/presets", "*.toml", "auction/presets"),
        ("api/web", "*", "api/web"),
        ("migrations", "*.py", "auction/migrations"),
        ("auction", "*.py", "auction"),
        ("api", "*.py", "api"),
    ],
)
def test_the_wheel_carries_everything(wheel, source, pattern, place):
    in_tree = {
        f"{place}/{path.relative_to(ROOT / source)}"
        for path in (ROOT / source).rglob(pattern)
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert in_tree
    assert in_tree - set(zipfile.ZipFile(wheel).namelist()) == set()


def test_the_wheel_carries_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    strays = [name for name in names if not name.startswith(("auction/", "api/", "flash_auction-"))]
    assert strays + [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".env"))] == []


def test_a_fresh_installation_finds_its_servers_well(wheel, tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    programs = tmp_path / "venv" / "bin"
    quiet = ("--quiet", "--disable-pip-version-check")
    run(programs / "python", "-m", "pip", "install", *quiet, "-c", ROOT / "constraints.txt", wheel, cwd=tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    secret = {"AUCTION_SECRET_KEY": "s" * 40}
    run(programs / "auction", "migrate", cwd=elsewhere, **secret)
    said = run(programs / "auction", "doctor", "--json", cwd=elsewhere, **secret)
    assert isinstance(json.loads(said), dict | list)
    # it used itself, not the tree: what it keeps is here
    assert (elsewhere / "var").is_dir()
