"""The project's English: habits that read as if translated, each with words a native speaker would use.

The words themselves are in CONTRIBUTING.md.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

FOLDERS = ("app", "sdpo_core", "comfy_nodes", "bench", "demo", "tests", "docs", "assets/presets")

EXCEPTIONS = frozenset(
    {
        ("sdpo_core/workspace/migrations.py", "is no second"),  # a released migration never changes
        ("tests/demo/test_tokenizer.py", "y!"),  # prompts and names with an exclamation mark, which is what is tested
        ("tests/models/test_sdxl.py", "a!"),
        ("tests/models/test_single_file.py", "t!"),
        ("tests/workspace/test_store.py", "n!"),
    }
)
"""Single phrases that stay, each in its file."""

TICS = {
    r"(?<![Tt]here )\b(?:is|are) none\b": "isn't one, must be …; got …",
    r"(?<![Tt]here )\b(?:is|are) no (?!longer|more|less|better|worse|way|other|wider|such)\w+\b": "isn't a …",
    r"\bin words\b": "with a message, as text",
    r"\b(?:go|goes|went) on\b|\bgoing on (?:with|from)\b": "continue, resume, keep …ing",
    r"\bbeside\b": "next to, in addition to",
    r"\bl(?:ies|ie|ay) (?:in|on|at|there|under|outside|elsewhere|next to)\b": "is in",
    r"\bwhere (?:it|they) lies?\b|\b(?<!no caption )(?<!that )lies\b(?! (?:or|about))": "where it is, is in",
    r"\bstands? (?:in|on|at|under|there|for itself)\b": "is in, is shown on; a vote counts",
    r"(?:\bwhat|;[^;]{1,40}) came\b": "got …",
    r"\btells? (?:of|whether|how|what|which|that|when|why|nothing)\b": "says, shows, describes",
    r"\b(?:is|are) told\b(?! to)": "is shown, is reported, gets",
    r"\blooked at\b": "checked, read, shown",
    r"\bas well\b(?! as)": "too, also",
    r"\bat once\b": "immediately, at a time, at the same time",
    r"\bfrom (?!now|then|here|there)\S+ on(?=[,.;:)\"]|$)": "from …, starting at …, at least …",
    r"\b(?:one|object|prompt|setting) a (?:line|row|column|step|day|card)\b": "per line",
    r"\bcan be had\b": "is available",
    r"\bany more\b": "no longer",
    r"\banew\b": "again",
    r"\bjudgements?\b|\bjudge runs?\b": "blind test",
    r"\b[Tt]he page (?:Home|Generate|Vote|Train|Judge|Adapters|Disk)\b": "the … page",
    r"\bspeaks? of\b": "mentions, lists",
    r"\bthrow(?:n|s)? away\b": "delete, move to the trash, discard",
    r"\btak(?:e|es|en) in\b": "import",
    r"\bgive(?:n)? back\b|\bput(?:s)? back\b": "return, restore",
    r"\bnobody vouches for\b": "untrusted",
    r"\bset-up\b": "setup",
    r"\bgraphics cards?\b": "GPU",
    r"\bmend(?:s|ed)?\b": "fix",
    r"\bkeep(?:ing)? house\b": "manage storage",
    r"\b[Ll]ook what\b": "check",
    r"\b[Dd]raw(?:s|n|ing)? (?:an? |the |some |more )?(?:images?|pairs?|previews?|comparisons?)\b": "generate",
    r"\b(?:images?|pairs?|previews?|comparisons?) (?:is|are|was|were) (?:being )?drawn\b": "generated",
    r"(?<!one )(?<!three )\bpass(?:es|ed)? over\b": "skip, ignore",
    r"\b(?:is|are|was|were) not (?:there|here)\b": "doesn't exist, is missing, isn't on this machine",
    r"\bas good as (?:none|empty)\b": "doesn't count, counts as empty",
    r"\bat hand\b": "available",
    r"\b[Hh]ears? (?:how|of)\b": "gets, is called with",
    r"\bin their order\b": "in order",
    r"\b[Ii]n the place of\b": "instead of, replacing",
    r"\blooks? whether\b": "checks whether",
    r"\b(?:was|were|is) begun\b": "started",
    r"\b(?:is|are|or) not whole\b": "is incomplete",
    r"\bnobody answers\b": "nothing answers, no reply",
    r"\bwhat stands\b": "what is, what follows",
    r"\bwithout rights\b": "without permission",
    r"[a-z]!(?= [A-Z]|$)": "the same without an exclamation mark",
}
"""What to avoid, and better words. Quoted code (`like this`) isn't read."""

_TICS = {re.compile(pattern): better for pattern, better in TICS.items()}
_ANY = re.compile("|".join(TICS))
_CODE = re.compile(r"``.*?``|`[^`\n]*`")
_BLOCK = re.compile(r"```.*?```", re.DOTALL)
_GLOSSARY = re.compile(r"^## The words\n.*?(?=^## )", re.DOTALL | re.MULTILINE)  # it names what to avoid
_SCRIPT_COMMENT = re.compile(r"/\*.*?\*/|(?<!:)//[^\n]*", re.DOTALL)


def covered(*patterns: str) -> Iterator[Path]:
    """Our own files, without vendored ones and those that aren't covered yet."""
    for folder in FOLDERS:
        for pattern in patterns:
            for path in sorted((ROOT / folder).rglob(pattern)):
                foreign = {"vendor", ".cache", "de", "de.md"} & set(path.parts)  # others' files, caches, and German
                if not foreign and path != Path(__file__):
                    yield path
    for pattern in patterns:
        yield from sorted(ROOT.glob(pattern))


def python_prose(source: str) -> Iterator[tuple[int, str]]:
    """Strings, docstrings, comments and functions' names, each with its line; values in an f-string are left out."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    nested = set[int]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            nested.update(id(part) for part in node.values)
            parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in nested:
            yield node.lineno, node.value
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name.replace("_", " ").strip()


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """What a file says to people."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield from python_prose(source)
    elif path.suffix in (".js", ".css"):
        for comment in _SCRIPT_COMMENT.finditer(source):
            yield source.count("\n", 0, comment.start()) + 1, comment[0]
    else:
        source = _GLOSSARY.sub(_blank, source) if path.name == "CONTRIBUTING.md" else source
        yield 1, _BLOCK.sub(_blank, source)


def _blank(part: re.Match[str]) -> str:
    """As many lines, without their words."""
    return "\n" * part[0].count("\n")


def findings(text: str) -> Iterator[tuple[int, str, str]]:
    """Line within `text`, phrase and better words; a phrase may be broken over two lines."""
    text = _CODE.sub(lambda code: "`" * len(code[0]), text)
    flat = re.sub(r"\n[ \t*#/]*", lambda gap: " " * len(gap[0]), text)
    flat = re.sub(r"(?<=\S) {2,}(?=\S)", lambda gap: " " * len(gap[0]), flat)
    if not _ANY.search(re.sub(r" +", " ", flat)):
        return
    squeezed, origin = _squeeze(flat)
    for pattern, better in _TICS.items():
        for match in pattern.finditer(squeezed):
            yield text.count("\n", 0, origin[match.start()]), match[0], better


def _squeeze(text: str) -> tuple[str, list[int]]:
    """The text with single spaces, and where each character was."""
    kept = [i for i, letter in enumerate(text) if letter != " " or i == 0 or text[i - 1] != " "]
    return "".join(text[i] for i in kept), kept


@cache
def all_findings() -> tuple[str, ...]:
    found: list[str] = []
    for path in covered("*.py", "*.js", "*.css", "*.md", "*.toml", "nodeDefs.json"):
        name = path.relative_to(ROOT).as_posix()
        for line, text in prose(path):
            for further, phrase, better in findings(text):
                if (name, phrase) not in EXCEPTIONS:
                    found.append(f"{name}:{line + further}: “{phrase}” → {better}")
    return tuple(found)


def test_nothing_reads_as_if_translated() -> None:
    assert not all_findings(), "\n" + "\n".join(all_findings())
