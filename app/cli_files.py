"""The commands that look after files; and `name=@path` of a parameter that takes one."""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from app.cli_params import Attach, BadArgument, whole
from app.cli_trouble import DONE
from app.client import Service
from app.logs import escaped
from app.room.files import FILE_ID, safe_name
from app.terminal.text import as_json


def attaching(service: Service, operation: str) -> Attach:
    """What `name=@path` means for a parameter that takes a file: the id of what is uploaded."""
    known: dict[str, bool | None] = {}

    def attach(name: str, path: str) -> tuple[str, bool] | None:
        if not known:
            properties = service.params(operation).get("properties", {})
            known.update({each: _takes_files(schema) for each, schema in properties.items()})
            known.setdefault("", None)
        many = known.get(name)
        return None if many is None else (str(_upload(service, path)["id"]), many)

    return attach


def files(given: argparse.Namespace, service: Service) -> int:
    """Lists the files, or puts, gets and deletes some."""
    return _DO[given.do](given, service)


def add_to(add: Callable[..., argparse.ArgumentParser]) -> None:
    listing = add("files", files, "list files; put, get or delete some")
    listing.add_argument("do", nargs="?", choices=list(_DO), default="list", help="what to do")
    listing.add_argument("names", nargs="*", metavar="NAME", help="paths to put; ids else")
    listing.add_argument("--to", help="where `get` writes: a path, or - for standard output")
    listing.add_argument("--limit", type=whole(1, 200), default=50, help="at most (default 50)")
    listing.set_defaults(check=_check)


def _check(given: argparse.Namespace) -> str | None:
    if (given.do == "list") != (not given.names):
        return "files list takes no names; put, get and delete take some"
    if given.to is not None and (given.do != "get" or len(given.names) != 1):
        return "--to goes with `files get` of one file"
    return None


def _list(given: argparse.Namespace, service: Service) -> int:
    found = service.files(given.limit)
    if given.json:
        print(as_json({"items": found}))
        return DONE
    for each in found:
        size = "-" if each["size"] is None else f"{each['size']:,}"
        line = f"{each['id']}  {each['status']:7}  {size:>15}  {each['type']:24}  {each['name']}"
        print(escaped(line))
    return DONE


def _put(given: argparse.Namespace, service: Service) -> int:
    for path in given.names:
        made = _upload(service, path)
        print(as_json(made) if given.json else escaped(str(made["id"])))
    return DONE


def _get(given: argparse.Namespace, service: Service) -> int:
    for id in given.names:
        if given.to == "-":
            service.download(id, sys.stdout.buffer)
            continue
        path = Path(given.to or safe_name(str(service.file(id)["name"])))
        _download(service, id, path)
        print(as_json({"id": id, "path": str(path)}) if given.json else escaped(str(path)))
    return DONE


def _delete(given: argparse.Namespace, service: Service) -> int:
    for id in given.names:
        service.delete_file(id)
        print(as_json({"id": id}) if given.json else escaped(f"{id} is deleted"))
    return DONE


_DO: Mapping[str, Callable[[argparse.Namespace, Service], int]] = {
    "list": _list,
    "put": _put,
    "get": _get,
    "delete": _delete,
}


def _upload(service: Service, path: str) -> Mapping[str, Any]:
    try:
        return service.upload(Path(path))
    except OSError as error:
        raise BadArgument(f"{path}: {error.strerror}") from None


def _download(service: Service, id: str, path: Path) -> None:
    """Whole, or not at all; never over what is there."""
    try:
        with path.open("xb") as to:
            try:
                service.download(id, to)
            except BaseException:
                path.unlink()
                raise
    except FileExistsError:
        raise BadArgument(f"{path} is there already: name another by --to") from None
    except OSError as error:
        raise BadArgument(f"{path}: {error.strerror}") from None


def _takes_files(schema: Any) -> bool | None:
    """Many, one, or None for no file."""
    if not isinstance(schema, dict):
        return None
    if schema.get("pattern") == FILE_ID:
        return False
    if "items" in schema and _takes_files(schema["items"]) is False:
        return True
    found = [_takes_files(each) for each in schema.get("anyOf", ())]
    return next((each for each in found if each is not None), None)
