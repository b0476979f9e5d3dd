"""The package as Lambda runs it: by AWS's own runtime client, where nothing may be written."""

import json
import os
import re
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from zipfile import ZipFile

import boto3
import pytest

from app.config import PREFIX, Settings
from app.deployment.package import HEAVIEST, MOST
from tests.engines import dynamo, moto
from tests.engines.lambda_runtime import FunctionError, Instance
from tests.handlers.gateways import SHOWN, keyed
from tests.whole.deployed import PRIVATE, Package, stage_settings, with_table

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

EVENTS = {path.stem: path for path in sorted((dynamo.ROOT / "tests/events").glob("*.json"))}
# The last by Zappa itself, which takes no archives: dateutil's zones, and Lambda has its own.
LEFT_OUT = (
    *("app/deployment/", "botocore/data/", "flask_restx/static/"),
    "dateutil/zoneinfo/dateutil-zoneinfo.tar.gz",
)
LARGEST_GLIBC = (2, 26)  # of Amazon Linux 2, on which Lambda's Python 3.11 stands
ULID = re.compile(r"job_[0-9A-HJKMNP-TV-Z]{26}")

# Each event by Lambda's words: an answer, or the error that brings it again.
IN_PROCESS = """
import json, sys
from handlers import handle
class Context:
    def get_remaining_time_in_millis(self): return 30_000
for name, event in json.load(sys.stdin).items():
    try:
        came = {"answer": handle(event, Context())}
    except Exception as error:
        came = {"error": type(error).__name__, "text": str(error)}
    print(json.dumps([name, came]))
"""


@dataclass
class Deployed:
    """An instance of the package, the store behind it, and what the program says in its place."""

    instance: Instance
    environ: dict[str, str]
    dynamo: str
    queues: str
    headers: dict[str, str]  # of every request: the place for a key

    def get(self, path: str, **headers: str) -> Any:
        return self.instance.invoke(request("GET", path, headers=self.headers | headers))

    def post(self, path: str, body: Any, **headers: str) -> Any:
        told = {"Content-Type": "application/json"} | self.headers | headers
        return self.instance.invoke(request("POST", path, json.dumps(body), told))


@pytest.fixture(scope="module")
def dynamo_local(require: Callable[[Any, str], None]) -> Iterator[str]:
    before = dict(os.environ)
    os.environ.update(dynamo.ENVIRON)
    try:
        with dynamo.running(require) as url:
            yield url
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="module")
def deployed(package: Package, dynamo_local: str) -> Iterator[Deployed]:
    with (
        moto.running(package.require) as queues,
        with_table(dynamo_local, queues, "manydoors-dev") as environ,
        package.running(environ) as instance,
    ):
        yield Deployed(instance, environ, dynamo_local, queues, dict(SHOWN))


def request(
    method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
) -> Any:
    """Of a REST API, stage dev."""
    event = json.loads(EVENTS["http_rest"].read_text())
    given = {"Host": event["headers"]["Host"], "X-Forwarded-Proto": "https"} | (headers or {})
    path, _, query = path.partition("?")
    pairs = dict(pair.split("=") for pair in query.split("&") if pair)
    return event | {
        "httpMethod": method,
        "path": path,
        "body": body,
        "headers": given,
        "multiValueHeaders": {name: [value] for name, value in given.items()},
        "queryStringParameters": pairs or None,
        "multiValueQueryStringParameters": {n: [v] for n, v in pairs.items()} or None,
        "pathParameters": {"proxy": path.removeprefix("/")},
        "requestContext": event["requestContext"] | {"path": f"/dev{path}"},
    }


def text(answer: Any) -> str:
    body: str = answer["body"]
    return b64decode(body).decode() if answer["isBase64Encoded"] else body


def test_the_package_is_light_and_says_what_weighs(package: Package) -> None:
    assert package.zip.stat().st_size < MOST / 2
    lines = package.told.splitlines()
    (first,) = [place for place, line in enumerate(lines) if line.startswith(package.zip.name)]
    parts = lines[first + 1 : first + 1 + HEAVIEST]
    sizes = [float(line.split()[0]) for line in parts]
    assert len(sizes) == HEAVIEST
    assert sizes == sorted(sizes, reverse=True)


def test_nothing_is_in_it_that_lambda_never_needs(package: Package) -> None:
    """Nobody's data and secrets, no tests, no servers, no tools."""
    names = ZipFile(package.zip).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert not [name for name in names if any(part[0] == "." for part in name.split("/"))]
    assert not {name.partition("/")[0] for name in PRIVATE} & tops
    assert not tops & {"tests", "docs", "bench", "Makefile", "policy.json", "zappa_settings.json"}
    assert not tops & {"granian", "gunicorn", "pip", "setuptools", "troposphere", "wheel"}
    assert not [name for name in names if name.startswith(("app/deployment", "flask_restx/static"))]
    assert not [name for name in names if name.endswith(".map")]
    for path in filter(Path.is_file, package.folder.rglob("*")):
        assert b"planted" not in path.read_bytes(), path


def test_nothing_else_of_what_is_in_it_is_missing(package: Package) -> None:
    """Patterns match names anywhere: `docs` would take botocore.docs, which boto3 imports, and
    `dist` all that Swagger UI has."""
    names = set(ZipFile(package.zip).namelist())
    (site,) = (package.checkout.folder / ".venv/lib").glob("python3.*/site-packages")
    packages = {name.partition("/")[0] for name in names}
    ours = {
        name for name in files(package.checkout.folder) if name.startswith(("app/", "handlers/"))
    }
    theirs = {name for name in files(site) if name.partition("/")[0] in packages}
    assert {name for name in (ours | theirs) - names if not name.startswith(LEFT_OUT)} == set()


def files(folder: Path) -> Iterator[str]:
    """All but bytecode, what browsers' debuggers ask for, and what is hidden."""
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        is_hidden = any(part.startswith(".") for part in name.parts)
        if path.is_file() and path.suffix not in (".pyc", ".map") and not is_hidden:
            yield str(name)


def test_the_services_that_we_use_can_be_asked(package: Package) -> None:
    """And no others: their descriptions would double the package."""
    services = set(stage_settings()["aws_services"])
    found = {path.name for path in (package.folder / "botocore/data").iterdir() if path.is_dir()}
    assert found == services


def test_all_bytecode_counts(package: Package) -> None:
    """Entries of the zip are dated 1980, so pip's bytecode would be stale on every cold start."""
    loads = f"""
import sys
sys.path[:0] = [{str(package.folder)!r}]
import handlers, app.wsgi, app.doors.rest, app.ports.aws.records, zappa.asynchronous
"""
    told = subprocess.run(
        [sys.executable, "-I", "-S", "-v", "-c", loads],
        cwd=package.folder, capture_output=True, text=True, check=True, timeout=60,
        env={"AWS_DEFAULT_REGION": "eu-central-1"},
    ).stderr  # fmt: skip
    here = re.escape(str(package.folder))
    compiled = re.findall(rf"^# code object from '?({here}\S+?\.py)'?$", told, re.M)
    loaded = re.findall(rf"^# code object from '({here}\S+\.pyc)'$", told, re.M)
    assert "bytecode is stale" not in told
    assert compiled == []
    assert len(loaded) > 200


def test_its_compiled_parts_run_on_lambdas_linux(package: Package) -> None:
    """A wheel for a newer glibc installs on a laptop, and cannot be loaded there."""
    wheels = {path.parent.name: path.read_text() for path in package.folder.glob("*/WHEEL")}
    assert wheels
    for name, told in wheels.items():
        tags = re.findall(r"^Tag: \S+-\S+-(\S+)$", told, re.M)
        assert any(map(runs_there, tags)), (name, tags)


def runs_there(tag: str) -> bool:
    glibc = re.fullmatch(r"manylinux_(\d+)_(\d+)_x86_64", tag)
    if glibc:
        return (int(glibc[1]), int(glibc[2])) <= LARGEST_GLIBC
    return tag in ("any", "manylinux1_x86_64", "manylinux2010_x86_64", "manylinux2014_x86_64")


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_settings_of_a_stage_are_ours_and_hold_no_secret(stage: str) -> None:
    environ = stage_settings(stage)["aws_environment_variables"]
    settings = Settings.read(environ)
    assert settings.table == f"manydoors-{stage}"
    ours = {name for name in environ if name.startswith(PREFIX)}
    fields = {PREFIX + name for name in ("TABLE", "BUCKET", "QUEUE", "TOPIC")}
    known = {PREFIX + name.upper() for name in Settings.__dataclass_fields__}
    assert ours == fields & known
    assert environ.keys() - ours == {"INSTANTIATE_LAMBDA_HANDLER_ON_IMPORT"}


@pytest.mark.engine
def test_every_event_has_the_answer_that_the_program_gives(
    deployed: Deployed, package: Package
) -> None:
    """Of packaged and unpackaged, each on a table of its own: the same answers, the same jobs."""
    events = {name: keyed(json.loads(path.read_text())) for name, path in EVENTS.items()}
    with (
        with_table(deployed.dynamo, deployed.queues, "manydoors-packaged") as environ,
        package.running(environ) as instance,
    ):
        packaged = {name: came(instance, event) for name, event in events.items()}
        here = jobs(instance)
    with with_table(deployed.dynamo, deployed.queues, "manydoors-plain") as environ:
        plain = in_process(events, package, environ)
        with package.running(environ) as instance:
            there = jobs(instance)
    assert packaged.keys() == plain.keys()
    for name, answer in packaged.items():
        assert comparable(answer) == comparable(plain[name]), name
    assert {n for n, a in packaged.items() if "error" in a} == {n for n in events if is_unknown(n)}
    assert here == there
    made = {operation for operation, _, _ in here}
    assert made == {
        *("greet", "orders.take", "news.read", "pics.look", "cats.watch"),
        "inbox.unreadable",
    }


def is_unknown(name: str) -> bool:
    return name.startswith("unknown")


def came(instance: Instance, event: Any) -> dict[str, Any]:
    try:
        return {"answer": instance.invoke(event)}
    except FunctionError as error:
        return {"error": error.told["errorType"], "text": error.told["errorMessage"]}


def in_process(events: Any, package: Package, environ: dict[str, str]) -> dict[str, Any]:
    """By the interpreter and the libraries that the package was made of."""
    told = subprocess.run(
        [package.checkout.folder / ".venv/bin/python", "-c", IN_PROCESS],
        cwd=package.checkout.folder, input=json.dumps(events), env=dynamo.ENVIRON | environ,
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return dict(json.loads(line) for line in told.stdout.splitlines() if line.startswith("["))


def jobs(instance: Instance) -> list[tuple[str, str, str]]:
    page = json.loads(
        text(instance.invoke(request("GET", "/v1/jobs?limit=200", headers=dict(SHOWN))))
    )
    return sorted((j["operation"], json.dumps(j["params"]), j["status"]) for j in page["items"])


def comparable(answer: Any) -> str:
    """Without the id that each request has of its own."""
    stripped = json.dumps(answer, sort_keys=True)
    return ULID.sub(
        "job", re.sub(r'"X-Request-Id": (\[?)"\w+"', r'"X-Request-Id": \1"id"', stripped)
    )


@pytest.mark.engine
def test_a_message_becomes_a_job_that_succeeds(deployed: Deployed) -> None:
    """Accepted from the queue, run by the next tick, and told over HTTP from another event."""
    event = json.loads(EVENTS["queue"].read_text())
    (record, *_) = event["Records"]
    record["messageId"] = "one"
    record["body"] = json.dumps({"operation": "greet", "params": {"name": "Grace"}})
    answer = deployed.instance.invoke({"Records": [record]})
    assert answer == {"batchItemFailures": []}
    deployed.instance.invoke(json.loads(EVENTS["schedule_zappa"].read_text()))
    page = json.loads(text(deployed.get("/v1/jobs?operation=greet")))
    (job,) = [job for job in page["items"] if job["params"] == {"name": "Grace"}]
    assert (job["status"], job["result"]) == ("succeeded", "Hello, Grace!")


@pytest.mark.engine
def test_a_job_made_over_http_is_run_by_the_message_that_it_sends(deployed: Deployed) -> None:
    """What stands in SQS comes back as an event, and the job is over."""
    queue = boto3.client("sqs", endpoint_url=deployed.queues)
    url = queue.get_queue_url(QueueName="manydoors-dev")["QueueUrl"]
    queue.purge_queue(QueueUrl=url)
    made = deployed.post("/v1/jobs", {"operation": "greet", "params": {"name": "Alan"}})
    assert made["statusCode"] == 202
    (message,) = queue.receive_message(QueueUrl=url)["Messages"]
    (record, *_) = json.loads(EVENTS["queue"].read_text())["Records"]
    deployed.instance.invoke({"Records": [record | {"body": message["Body"]}]})
    job = json.loads(text(deployed.get(f"/v1/jobs/{json.loads(text(made))['id']}")))
    assert (job["status"], job["result"]) == ("succeeded", "Hello, Alan!")
    queue.close()


@pytest.mark.engine
def test_a_call_and_a_problem_are_answered(deployed: Deployed) -> None:
    called = deployed.post("/v1/operations/greet", {"name": "Ada"})
    assert (called["statusCode"], text(called)) == (200, '"Hello, Ada!"')
    refused = deployed.post("/v1/operations/greet", {"name": 1})
    assert refused["statusCode"] == 422
    assert json.loads(text(refused))["errors"][0]["pointer"] == "/name"


@pytest.mark.engine
def test_the_pages_and_all_that_they_load_stand_below_the_stage(deployed: Deployed) -> None:
    """The console, Swagger UI and its document, by the addresses that a browser would follow."""
    for page in ("/", "/docs"):
        shown = deployed.get(page, Accept="text/html")
        assert shown["statusCode"] == 200
        links = set(re.findall(r'(?:src|href)="(/[^"]+)"', text(shown)))
        assert links
        assert all(link.startswith("/dev/") for link in links), links
        for link in links:
            loaded = deployed.get(link.removeprefix("/dev"))
            assert loaded["statusCode"] == 200, link
            assert loaded["body"], link
    document = json.loads(text(deployed.get("/openapi.json")))
    base = urljoin("https://doors.example/dev/openapi.json", document["servers"][0]["url"])
    assert base == "https://doors.example/dev/"
    assert json.loads(text(deployed.get("/swagger.json")))["basePath"] == "/dev"


@pytest.mark.engine
def test_it_writes_nothing_where_it_stands(deployed: Deployed, package: Package) -> None:
    """/var/task is read-only on Lambda; a root user's tests could write there all the same."""

    def standing() -> dict[str, int]:
        return {str(path): path.stat().st_mtime_ns for path in package.folder.rglob("*")}

    before = standing()
    deployed.get("/docs", Accept="text/html")
    deployed.post("/v1/jobs", {"operation": "greet", "params": {"name": "Ada"}})
    deployed.instance.invoke(json.loads(EVENTS["schedule_zappa"].read_text()))
    assert standing() == before
    assert not any(Path(path).suffix == ".db" for path in before)
