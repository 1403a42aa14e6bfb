"""Writes what the page's scripts and the studio say to each other as TypeScript declarations, one file per room.

`python -m tests.app.message_types` writes app/<room>/messages.d.ts: what each widget's server functions take and
answer, from their signatures; and app/<room>/strings.d.ts: the keys of the strings that it is given. pydantic says what
is valid. The writer is our own: json-schema-to-typescript would need Node.js, which nobody needs here, to print the
same few lines.
"""

import importlib
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode
from typing_extensions import is_typeddict

from app.studio import Studio
from app.ui.assets import ROOMS
from app.ui.replies import Reply
from app.ui.widget import ServerFunction
from tests.app.built import built_widgets

FILE, STRINGS = "messages.d.ts", "strings.d.ts"
WIDTH = 120
HEAD = """\
// What this room's scripts and the studio say to each other. Generated from Python, so don't edit it here:
// python -m tests.app.message_types
"""
STRINGS_HEAD = """\
// The strings that this room's widgets are given. Generated from text.py, so don't edit them here:
// python -m tests.app.message_types
"""
PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
VALIDATION: JsonSchemaMode = "validation"


@dataclass(frozen=True)
class Called:
    """What a server function takes (None: nothing) and what it may answer."""

    takes: type[BaseModel] | None
    answers: tuple[Any, ...]


def called(function: ServerFunction) -> Called:
    """A server function as its signature has it."""
    hints = get_type_hints(function)
    answers = hints.pop("return")
    taken = [one for hint in hints.values() for one in get_args(hint) if one is not Any]
    return Called(taken[0] if taken else None, _alternatives(answers))


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def written(studio: Studio) -> dict[str, str]:
    """The declarations of every room that has any, by room."""
    rooms: defaultdict[str, dict[str, dict[str, Called]]] = defaultdict(dict)
    for widget in built_widgets(studio).values():
        if widget.functions:
            room, module = widget.module.removesuffix(".js").split("/")
            rooms[room][module] = {name: called(function) for name, function in widget.functions.items()}
    return {
        room: declarations(dict(sorted(widgets.items())), declared(room)) for room, widgets in sorted(rooms.items())
    }


def string_tables(studio: Studio) -> dict[str, str]:
    """The keys of the strings that each widget is given, by room."""
    rooms: defaultdict[str, dict[str, list[str]]] = defaultdict(dict)
    for widget in built_widgets(studio).values():
        if widget.given["text"]:
            room, module = widget.module.removesuffix(".js").split("/")
            rooms[room][module] = [*widget.given["text"]]
    return {room: _tables(dict(sorted(rooms[room].items()))) for room in sorted(rooms)}


def _tables(widgets: dict[str, list[str]]) -> str:
    tables: list[str] = []
    for module, keys in widgets.items():
        lines = (f"  {key if key.isidentifier() else json.dumps(key)}: string;\n" for key in keys)
        tables.append(f"export interface {_title(module)}Text {{\n{''.join(lines)}}}\n")
    return f"{STRINGS_HEAD}\n" + "\n".join(tables)


def declared(room: str) -> list[Any]:
    """All that a room's `messages.py` declares."""
    module = importlib.import_module(f"app.{room}.messages")
    classes = [one for one in vars(module).values() if getattr(one, "__module__", "") == module.__name__]
    return [one for one in classes if is_typeddict(one) or (isinstance(one, type) and issubclass(one, BaseModel))]


def declarations(widgets: dict[str, dict[str, Called]], also: list[Any]) -> str:
    """A room's file, from what is called by each module and what is declared in the room."""
    known = [one for functions in widgets.values() for function in functions.values() for one in _types(function)]
    models = list(dict.fromkeys([*known, *also]))
    refs, schema = TypeAdapter.json_schemas([(one, VALIDATION, TypeAdapter(one)) for one in models])
    defined: dict[str, Any] = schema.get("$defs", {})
    names = {one: _named(refs[one, VALIDATION]) for one in models}
    assert not [name for name in defined if "__" in name], "two classes of one name"
    servers = {_title(module): _server(functions, names) for module, functions in widgets.items()}
    used = [name for name in ("Call", "Look", "Reply") if any(f"{name}<" in one for one in servers.values())]
    parts = [f'import type {{ {", ".join(used)} }} from "../ui/widget.js";\n']
    parts += [_interface(name, definition) for name, definition in defined.items()]
    parts += [f"export interface {title}Server {{\n{server}}}\n" for title, server in servers.items()]
    return HEAD + "\n" + "\n".join(parts)


def _types(function: Called) -> Iterator[Any]:
    if function.takes:
        yield function.takes
    for answer in function.answers:
        yield from _alternatives(get_args(answer)[0]) if get_origin(answer) is Reply else (answer,)


def _title(module: str) -> str:
    return "".join(word.capitalize() for word in module.split("_"))


def _server(functions: dict[str, Called], names: dict[Any, str]) -> str:
    lines: list[str] = []
    for name, function in functions.items():
        told = " | ".join(_answer(answer, names) for answer in function.answers)
        kind = f"Call<{names[function.takes]}, {told}>" if function.takes else f"Look<{told}>"
        lines.append(f"  {name}: {kind};\n")
    return "".join(lines)


def _answer(answer: Any, names: dict[Any, str]) -> str:
    if get_origin(answer) is not Reply:
        return names[answer]
    return f"Reply<{' | '.join(names[one] for one in _alternatives(get_args(answer)[0]))}>"


def _interface(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    lines = _comment(schema.get("description", ""))
    if not schema.get("properties"):
        return f"{lines}export type {name} = Record<never, never>;\n"
    lines += f"export interface {name} {{\n"
    for key, value in schema["properties"].items():
        lines += _property(f"{key}{'' if key in required else '?'}", _alternatives_of(value))
    return f"{lines}}}\n"


def _property(name: str, alternatives: list[str]) -> str:
    line = f"  {name}: {' | '.join(alternatives)};\n"
    if len(line) <= WIDTH + 1:
        return line
    return f"  {name}:\n" + "\n".join(f"    | {one}" for one in alternatives) + ";\n"


def _comment(description: str) -> str:
    lines = description.splitlines()
    if len(lines) < 2:
        return f"/** {description} */\n" if description else ""
    return "/**\n" + "".join(f" * {line}".rstrip() + "\n" for line in lines) + " */\n"


def _alternatives_of(schema: dict[str, Any]) -> list[str]:
    """A type as all that it may be."""
    match schema:
        case {"$ref": ref}:
            return [_named(schema)] if ref else []
        case {"const": value}:
            return [json.dumps(value)]
        case {"enum": values}:
            return [json.dumps(value) for value in values]
        case {"anyOf": several}:
            return list(dict.fromkeys(one for each in several for one in _alternatives_of(each)))
        case {"type": "array", "prefixItems": items}:
            return [f"[{', '.join(_one(item) for item in items)}]"]
        case {"type": "array", "items": item}:
            return [f"({_one(item)})[]" if len(_alternatives_of(item)) > 1 else f"{_one(item)}[]"]
        case {"type": "object", "additionalProperties": dict() as values}:
            return [f"Record<string, {_one(values)}>"]
        case {"type": str() as kind} if kind in PLAIN:
            return [PLAIN[kind]]
        case _:
            raise ValueError(f"a message can't hold this: {schema}")


def _one(schema: dict[str, Any]) -> str:
    return " | ".join(_alternatives_of(schema))


def _named(schema: dict[str, Any]) -> str:
    return schema["$ref"].rpartition("/")[2]


def main() -> None:
    """Write all files."""
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(Path(folder))
        try:
            files = {FILE: written(studio), STRINGS: string_tables(studio)}
        finally:
            studio.close()
    for name, rooms in files.items():
        for room, content in rooms.items():
            (ROOMS / room / name).write_text(content, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
