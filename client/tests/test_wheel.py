"""The wheel alone, as pip installs it: no Django anywhere near, typed, and what it lacks it names."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CLIENT = Path(__file__).parents[1]
ABSENT = ("django", "rest_framework", "celery", "redis", "psycopg", "registry", "consent", "service")
HIDING = """
import sys
class Hidden:
    def find_spec(name, path=None, target=None):
        if name in {absent}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden)
sys.path.insert(0, {installed!r})
"""
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")


def _run(*args: object, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "PIP_NO_INDEX": "1", "CONSENTKIT_HOME": str(home)}
    return subprocess.run(list(map(str, args)), env=env, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but what the wheel holds."""
    built, into = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("installed")
    source = tmp_path_factory.mktemp("source")
    with zipfile.ZipFile(source / "tree.zip", "w") as tree:  # setuptools builds in the tree: let it be another one
        for path in [CLIENT / "pyproject.toml", CLIENT / "README.md", *(CLIENT / "src/consentkit").rglob("*")]:
            if path.is_file() and "__pycache__" not in path.parts:
                tree.write(path, path.relative_to(CLIENT))
    with zipfile.ZipFile(source / "tree.zip") as tree:
        tree.extractall(source / "client")
    done = _run(*PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", built, source / "client")
    assert done.returncode == 0, done.stderr
    (wheel,) = built.glob("consentkit-*.whl")
    assert _run(*PIP, "install", "--no-deps", "--target", into, wheel).returncode == 0
    return into


def _python(installed: Path, code: str, *args: str, without: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    before = HIDING.format(absent=(*ABSENT, *without), installed=str(installed))
    return _run(sys.executable, "-c", before + code, *args, home=installed / "home")


def test_it_is_typed_and_runs_without_the_server(installed: Path) -> None:
    assert (installed / "consentkit/py.typed").exists()
    assert (installed / "bin/consentkit").exists()
    code = "import consentkit; from consentkit import Registry, Scope; Registry; print(consentkit.__file__)"
    done = _python(installed, code)
    assert (done.returncode, done.stdout.strip()) == (0, str(installed / "consentkit/__init__.py")), done.stderr


def test_the_command_works_without_the_extras(installed: Path) -> None:
    run = "from consentkit.cli import main; main()"
    bare = ("numpy", "pyarrow", "PIL", "imagehash")
    assert _python(installed, run, "--help", without=bare).returncode == 0
    doctor = _python(installed, run, "doctor", without=bare)
    assert (doctor.returncode, doctor.stderr) == (1, ""), doctor.stderr
    assert "CONSENTKIT_URL is not set" in doctor.stdout


def test_a_program_is_told_which_extra_it_lacks(installed: Path) -> None:
    done = _python(installed, "from consentkit import Registry", without=("numpy",))
    assert done.stderr.strip().splitlines()[-1] == "ImportError: Registry needs numpy: pip install 'consentkit[filter]'"


@pytest.mark.parametrize(
    ("adapter", "package"), [("polars", "polars"), ("torch", "torch"), ("spark", "pyspark"), ("ray", "'ray[data]'")]
)
def test_an_adapter_names_the_library_that_is_missing(installed: Path, adapter: str, package: str) -> None:
    absent = (package.strip("'").partition("[")[0],)
    done = _python(installed, f"import consentkit.adapters.{adapter}", without=absent)
    assert done.stderr.strip().splitlines()[-1].endswith(f"this adapter needs {package}: pip install {package}")
