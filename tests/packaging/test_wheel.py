"""The wheel: it carries all that is not Python as well, and works where the tree is far away."""

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.cli.processes import free_port, until

ROOT = Path(__file__).parents[2]


def clean_environment() -> dict[str, str]:
    """This process's environment without settings that concern the tree."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AUCTION_", "PYTHON", "COV"))}


def run(*command: object, cwd: Path, **environment: str) -> str:
    """Run a command in a clean environment; its output."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=clean_environment() | environment,
        capture_output=True,
        text=True,
        check=False,
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


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The programs of a fresh environment with the wheel, installed without anything cached."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, with_pip=True)
    command = (environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    without_cache = {"PIP_NO_CACHE_DIR": "1", "HOME": str(environment)}
    run(*command, "-c", ROOT / "constraints.txt", wheel, cwd=environment, **without_cache)
    yield environment / "bin"
    # hundreds of megabytes
    shutil.rmtree(environment)


@pytest.fixture(scope="session")
def unpacked(wheel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel, beside the packages that are installed here already."""
    environment = tmp_path_factory.mktemp("beside")
    venv.create(environment)
    python = environment / "bin" / "python"
    install = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--disable-pip-version-check")
    run(*install, "--no-deps", "--no-index", wheel, cwd=environment)
    packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=environment).strip()
    Path(packages, "installed-here.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    for package in ("auction", "api"):
        found = run(python, "-c", f"import {package}; print({package}.__file__)", cwd=environment)
        assert found.startswith(packages), found
    return environment / "bin"


@pytest.mark.slow
def test_a_fresh_installation_runs_the_demo(installed, tmp_path):
    said = run(installed / "auction", "demo", "--exit", "--speed", "20", "--port", free_port(), cwd=tmp_path)
    assert "all promises held" in said
    assert "rules of money hold" in said


def test_the_wheel_alone_serves_every_page_with_its_files(unpacked, tmp_path):
    with (
        running(unpacked / "auction", "demo", "--no-bots", "--port", port := free_port(), cwd=tmp_path) as output,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=300.0) as browser,
    ):
        until(lambda: "curl -s" in output.read_text(), "the addresses")
        for page in ("/", "/lots/launch-001", "/me", "/ops", "/ops/settlements", "/docs"):
            shown = browser.get(page)
            assert shown.status_code == 200, (page, shown.text)
            files = set(re.findall(r'(?:src|href)="(/[^"]+\.(?:js|css)[^"]*)"', shown.text))
            assert files, page
            for file in files:
                assert browser.get(file).status_code == 200, (page, file)
    assert "Traceback" not in output.read_text()


@contextmanager
def running(*command: object, cwd: Path) -> Iterator[Path]:
    """The file that a command writes its output to; stopped by SIGINT after the block, when it must end with 0."""
    output = cwd / "output"
    with output.open("wb") as written:
        words = [str(word) for word in command]
        process = subprocess.Popen(words, cwd=cwd, env=clean_environment(), stdout=written, stderr=written)
    try:
        yield output
    finally:
        process.send_signal(signal.SIGINT)
        status = process.wait()
    assert status == 0, output.read_text()
