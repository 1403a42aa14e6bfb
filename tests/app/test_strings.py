"""What people read is in the rooms' `text.py`, as flat tables: nothing of it is written where it is shown."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.studio import Studio
from app.ui.assets import ROOMS
from tests.app.built import built_widgets

TABLES = ("text.py", "words.py")
PYTHON = sorted(path for path in ROOMS.rglob("*.py") if path.name not in TABLES)
SCRIPTS = sorted(ROOMS.glob("*/*.js"))

# Words in a row, or one that begins a sentence; markup and code are not words.
WORDS = re.compile(r"[A-Za-z]{2,}[,;:]? [A-Za-z]+|^[A-Z][a-z]{2,}")
CODE = re.compile(r"[<>{}=;]|\w\(|\[")
NO_WORDS = {"False", "Inter", "Segoe UI", "Roboto", "Menlo", "Consolas", "background-color 120ms ease"}

# A value of what is shown or read out, and any other literal that reads like a sentence.
SHOWN = re.compile(
    r"""(?:\b(?:text|title|alt|placeholder|textContent|ariaLabel|"aria-label")\s*[:=]|\bsay\(|(?<![.\w])button\()"""
    r"""\s*("[^"\n]*"|'[^'\n]*'|`[^`]*`)"""
)
SENTENCE = re.compile(r"""(["'`])(?!Inter,)[A-Z][a-z']+,? [a-z]+[^"'`\n]*\1""")
COMMENT = re.compile(r"/\*.*?\*/|(?<![:\"'])//[^\n]*", re.DOTALL)


def test_the_tables_that_widgets_are_given_are_flat(studio: Studio) -> None:
    for widget in built_widgets(studio).values():
        assert all(isinstance(said, str) for said in widget.given["text"].values()), widget.module


def literals(path: Path) -> Iterator[ast.Constant]:
    """The strings of a module, without docstrings and types."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    left_out: set[int] = set()
    for node in ast.walk(tree):
        typed = [getattr(node, name, None) for name in ("annotation", "returns")]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "cast":
            typed.append(node.args[0])
        left_out |= {id(part) for one in typed if one for part in ast.walk(one)}
        if isinstance(node, ast.Expr):
            left_out.add(id(node.value))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left_out:
            yield node


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOMS)))
def test_no_module_has_words_of_its_own(path: Path) -> None:
    found = [
        f"line {one.lineno}: {one.value!r}"
        for one in literals(path)
        if WORDS.search(str(one.value)) and not CODE.search(str(one.value)) and one.value not in NO_WORDS
    ]
    assert not found, f"belongs into {path.parent / 'text.py'}: {found}"


def own_words(source: str) -> list[str]:
    """Literals of a script that a person would read; one letter is the name of a key."""
    plain = COMMENT.sub("", source)
    shown = [one for one in SHOWN.findall(plain) if re.search("[A-Za-z]{2}", re.sub(r"\$\{[^}]*\}", "", one))]
    return [*shown, *(match.group() for match in SENTENCE.finditer(plain))]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(ROOMS)))
def test_no_script_has_words_of_its_own(path: Path) -> None:
    assert not own_words(path.read_text(encoding="utf-8")), "a script says what it is given in `text`"


@pytest.mark.parametrize(
    "line",
    [
        'make("p", { text: "Nothing here" })',
        "button(`${count} images`, act)",
        'node.title = "Close";',
        'const why = gone ? "No longer there" : "";',
    ],
)
def test_words_of_a_script_are_found(line: str) -> None:
    assert own_words(line)


@pytest.mark.parametrize(
    "line",
    ['make("p", { text: text.none })', 'make("kbd", { text: "C" })', "// Close it\n", 'class: "sdpo-button quiet"'],
)
def test_code_of_a_script_does_not_count_as_words(line: str) -> None:
    assert not own_words(line)
