"""What CI does with tests that fail: `.ci/retry.py`, on projects of three tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

RETRY = Path(__file__).parents[2] / ".ci" / "retry.py"
PASSING = "def test_passing():\n    assert True\n"
FAILING = "def test_failing():\n    assert False\n"
FLAKY = """
from pathlib import Path

def test_flaky():
    seen = Path("seen")
    first = not seen.exists()
    seen.touch()
    assert not first
"""
NOT_COLLECTED = "import a_module_that_nobody_wrote\n"
HEAD = "| test | what raced | date |\n|---|---|---|\n"


@pytest.fixture
def project(tmp_path):
    """Write test files by name into a project, run them as CI does; exit status, lines of output, flaky tests listed."""
    table = tmp_path / "docs" / "flaky.md"
    table.parent.mkdir()
    table.write_text(HEAD)

    def run(*files):
        for number, source in enumerate(files):
            (tmp_path / f"test_{number}.py").write_text(source)
        command = (sys.executable, str(RETRY), "-p", "xdist.plugin", "-n", "2")
        lean = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
        ran = subprocess.run(command, cwd=tmp_path, env=lean, capture_output=True, text=True, check=False)
        listed = [row.split("`")[1] for row in table.read_text().removeprefix(HEAD).splitlines()]
        return ran.returncode, ran.stdout.splitlines(), listed

    return run


def test_a_run_without_a_failure_is_run_once(project):
    status, said, listed = project(PASSING)
    assert (status, listed) == (0, [])
    assert not any("once more" in line for line in said)


def test_what_passes_alone_passes_and_is_named(project):
    status, said, listed = project(PASSING, FLAKY)
    assert (status, listed) == (0, ["test_1.py::test_flaky"])
    assert said[-2].startswith("flaky")
    assert said[-2].endswith("test_1.py::test_flaky")
    assert "1 passed" in said[-1]


def test_what_fails_twice_fails_the_run(project):
    status, said, listed = project(PASSING, FLAKY, FAILING)
    assert (status, listed) == (1, ["test_1.py::test_flaky"])
    assert any(line.startswith("failed twice") and line.endswith("test_2.py::test_failing") for line in said)
    assert "1 failed, 1 passed" in said[-1]


def test_what_cannot_be_collected_fails_at_once(project):
    status, said, listed = project(FLAKY, NOT_COLLECTED)
    assert (status, listed) == (1, [])
    assert not any("once more" in line for line in said)
