"""The locks are what the requirements ask for, and hold nothing of the machine that made them."""

import re
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.gates.house import LIBRARIES, ROOT, imports, modules, within

# Written in parts, so that this file does not hold what it looks for.
HOSTS = (
    "pypi" + ".org",
    "files.python" + "hosted",
    "registry.npm" + "js",
    "registry.yarn" + "pkg",
    "deb.deb" + "ian",
    "archive.ubu" + "ntu",
)
PLACES = ("/opt" + "/", "/ro" + "ot/", "/ho" + "me/", "/wo" + "rk/", "file" + "://")
TOLD = (
    *("requirements*.*", "Makefile", "pyproject.toml", ".ci/*", "package*.json"),
    "tests/engines/*.lock",
)
# Of an environment of its own each.
OWN_LOCKS = {
    f"{name}.txt": f"{name}.lock"
    for name in (
        *("tests/engines/ministack", "tests/engines/awslambdaric", "tests/engines/moto"),
        *("tests/engines/mcp", "tests/engines/mcp_before"),
        *("bench/lambda_peers", "bench/peers"),
    )
}

UNTOLD = ("build", ".venv", ".venv-dev", "node_modules")
INSTALLERS = ("tests/engines/environment.py", "bench/jobs/peers.py")
INSTALL = r"-m\W+pip\W+install\b.*\n.*\n"  # with the line after it

# What some operations need beside the runtime; they are switched on where it is.
EXTRAS = ("requirements-data", "requirements-pictures")

# Used when there, and missed without harm; so they are not in the lock.
OPTIONAL = {
    "functions_framework": "Google's platform brings it",
    "opentelemetry": "spans for those who install it",
}


def test_every_range_is_met_by_a_pin():
    assert unmet("requirements.txt", "requirements.lock") == []
    assert unmet("requirements-dev.txt", "requirements-dev.lock") == []
    assert [name for name, lock in OWN_LOCKS.items() if unmet(name, lock)] == []
    assert [unmet(f"{extra}.txt", f"{extra}.lock") for extra in EXTRAS] == [[], []]


def test_a_range_that_no_pin_meets_is_seen(tmp_path):
    (tmp_path / "r.txt").write_text("flask>=4  # new\nabsent\nmarshmallow>=4\n")
    (tmp_path / "r.lock").write_text("flask==3.1.3 \\\n    --hash=sha256:0\nmarshmallow==4.4.0\n")
    assert unmet(tmp_path / "r.txt", tmp_path / "r.lock") == ["flask>=4", "absent"]


def test_the_locks_agree():
    """Else they could not be installed into one environment."""
    dev = pins("requirements-dev.lock")
    for lock in ("requirements.lock", *(f"{extra}.lock" for extra in EXTRAS)):
        there = pins(lock)
        both = there.keys() & dev.keys()
        assert both
        assert {name: dev[name] for name in both} == {name: there[name] for name in both}


@pytest.mark.parametrize(
    "lock",
    [
        *("requirements.lock", "requirements-dev.lock", *OWN_LOCKS.values()),
        *(f"{extra}.lock" for extra in EXTRAS),
    ],
)
def test_every_pin_has_a_hash(lock):
    text = (ROOT / lock).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if "==" in line.partition("#")[0]]
    assert lines
    assert not [line for line in lines if "--hash=sha256:" not in line]


@pytest.mark.parametrize(
    "name", ["requirements.txt", "requirements-dev.txt", *(f"{extra}.txt" for extra in EXTRAS)]
)
def test_every_requirement_says_why(name):
    lines = [line for line in (ROOT / name).read_text().splitlines() if line[:1].isalpha()]
    assert lines
    assert not [line for line in lines if not line.partition(" # ")[2].strip()]


def test_every_lock_is_known_here():
    """One more that is made is looked at like the others; nothing is installed without hashes."""
    listed = {"requirements.lock", "requirements-dev.lock", *OWN_LOCKS.values()}
    listed |= {f"{extra}.lock" for extra in EXTRAS}
    there = {path for top in ("", "tests/", "bench/") for path in ROOT.glob(f"{top}**/*.lock")}
    own = (path.relative_to(ROOT).as_posix() for path in there)
    assert {name for name in own if name.split("/")[0] not in UNTOLD} == listed
    programs = ("Makefile", "Dockerfile", ".ci/run", *INSTALLERS)
    told = [(ROOT / name).read_text() for name in programs]
    installing = [text for each in told for text in re.findall(INSTALL, each)]
    assert len(installing) >= len(INSTALLERS) + 2
    assert not [text for text in installing if "--require-hashes" not in text]


def test_the_program_imports_only_what_is_locked():
    """The tools' environment has more packages: there a missing requirement would not show."""
    runtime, owners = pins("requirements.lock"), packages_distributions()
    beside = {name for extra in EXTRAS for name in pins(f"{extra}.lock")}
    missing = [
        f"{module.name}:{found.line} {found.target}"
        for module in modules()
        for found in imports(module)
        if found.is_of(LIBRARIES) and not found.for_types
        for root in [found.target.partition(".")[0]]
        if root not in OPTIONAL
        for locked in [
            runtime.keys() | (beside if within(module.name, "app.operations") else set())
        ]
        if not {canonicalize_name(name) for name in owners.get(root, ())} & locked
    ]
    assert missing == []


def test_no_file_names_a_registry_or_a_place_of_one_machine():
    told = {path for pattern in TOLD for path in ROOT.glob(pattern) if path.is_file()}
    assert ROOT / "requirements.lock" in told
    found = [f"{path.name}: {line}" for path in told for line in named(path.read_text())]
    assert found == []


def test_a_registry_and_a_place_are_seen():
    assert list(named(f"--index-url https://{HOSTS[0]}/simple"))
    assert list(named(f"--find-links {PLACES[0]}wheels"))
    assert not list(named("curl http://127.0.0.1:8000/v1/operations"))


def unmet(asked: str | Path, lock: str | Path) -> list[str]:
    pinned = pins(lock)
    return [
        str(requirement)
        for requirement in requirements(asked)
        if pinned.get(canonicalize_name(requirement.name)) is None
        or not requirement.specifier.contains(pinned[canonicalize_name(requirement.name)])
    ]


def pins(lock: str | Path) -> dict[str, str]:
    """Names and exact versions."""
    found = {}
    for requirement in requirements(lock):
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", requirement
        found[canonicalize_name(requirement.name)] = specifier.version
    return found


def requirements(name: str | Path) -> list[Requirement]:
    """The lines that ask for a package, without comments, hashes and options."""
    lines = (ROOT / name).read_text().splitlines()
    asked = (re.split(r"\s+#|\s*\\$", line)[0] for line in lines if line[:1].isalpha())
    return [Requirement(line) for line in asked]


def named(text: str) -> list[str]:
    return [line for line in text.splitlines() if any(word in line for word in (*HOSTS, *PLACES))]
