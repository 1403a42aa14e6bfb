"""Metadata that was made to do harm, or that broke on the way: no crash, no hang, and what could be read is kept."""

import json
import random
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sdpo_core.errors import ImageUnreadable
from sdpo_core.exchange.metadata import READERS, read_made_with
from sdpo_core.exchange.metadata.lenient_json import read_object
from sdpo_core.images.exif import NAMES
from sdpo_core.images.files import decode_image
from sdpo_core.workspace.records import MadeWith
from tests.exchange.comfy_graphs import node, sampling, simple
from tests.images.image_files import (
    ASCII,
    USER_COMMENT,
    chunk,
    hidden,
    international,
    jpeg,
    png,
    scene,
    soon,
    text,
    tiff,
    unicode_comment,
    webp,
)

A1111 = "a cat\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 3, Size: 512x512, Model: x"
KEYWORDS = ("parameters", "prompt", "workflow", "invokeai_metadata", "Comment", "Software", "Description", "x")


def of_chunk(kind: bytes, value: bytes) -> bytes:
    return png(chunk(kind, value), text("parameters", A1111))


@pytest.mark.parametrize(
    "made",
    [
        lambda: of_chunk(b"tEXt", b"prompt\0" + b"x" * 100_000_000),
        lambda: png(*[of_bomb(b"zTXt", b"prompt\0\0")] * 200, text("parameters", A1111)),
        lambda: png(*[of_bomb(b"iTXt", b"prompt\0\1\0\0\0")] * 200, text("parameters", A1111)),
        lambda: png(*[chunk(b"tEXt", b"")] * 50_000, text("parameters", A1111)),
        lambda: of_chunk(b"iTXt", b"prompt\0\1"),
        lambda: of_chunk(b"zTXt", b"prompt\0\0no zlib"),
        lambda: of_chunk(b"eXIf", b"II*\0\xff\xff\xff\xff"),
        lambda: png(text("prompt", "[" * 100_000), text("parameters", A1111)),
        lambda: png(text("prompt", '{"a":' * 100_000), text("parameters", A1111)),
        lambda: png(
            text("workflow", json.dumps({"nodes": [{}] * 1000, "links": [[1]] * 9})), text("parameters", A1111)
        ),
    ],
)
def test_what_is_next_to_a_bomb_is_read_and_the_image_too(made: Callable[[], bytes]) -> None:
    content = made()
    with soon():
        found = read_made_with(content)
        assert found
        assert (found.prompt, found.negative, found.seed) == ("a cat", "dog", 3)
        assert decode_image(content).size == (96, 64)


def of_bomb(kind: bytes, head: bytes) -> bytes:
    return chunk(kind, head + zlib.compress(bytes(64 * 2**20)))


@pytest.mark.parametrize(
    "source",
    [
        " " * 250_000,
        "Steps: 1" + " " * 250_000,
        "Steps: 1, " + 'a: "' * 60_000,
        "Steps: 1, " + 'a: "\\' * 50_000,
        "Steps: 1, " + "word " * 50_000,
        "Steps: 1\n" * 30_000,
        "(" * 120_000 + "\nSteps: 1",
        "<lora:" * 40_000 + "\nSteps: 1",
        "<lora:a:1" + ":1" * 100_000 + ">\nSteps: 1",
        "x\nNegative prompt:" * 15_000,
        f"a\nSteps: 1, Seed: {'9' * 100_000}, CFG scale: {'9' * 100_000}, Size: {'9' * 50_000}x{'9' * 50_000}",
        'a\nSteps: 1, Lora hashes: "' + "a: b, " * 40_000 + '"',
    ],
)
def test_texts_that_slow_down_a_parser_are_read_in_time(source: str) -> None:
    with soon():
        read_made_with(png(text("parameters", source)))


def chain(length: int) -> dict[str, Any]:
    graph = {str(100 + i): node("Pass", conditioning=[str(101 + i), 0]) for i in range(length)}
    return sampling({**simple(), **graph}, positive=["100", 0])


def diamonds(length: int) -> dict[str, Any]:
    """Two ways at each node: 2 ** length in all."""
    graph = {
        str(100 + i): node("Join", conditioning_1=[str(101 + i), 0], conditioning_2=[str(101 + i), 0])
        for i in range(length)
    }
    return sampling({**simple(), **graph}, positive=["100", 0])


def joins(length: int) -> dict[str, Any]:
    """A text that doubles at each node."""
    graph = {str(100 + i): node("Join", string_a=[str(101 + i), 0], string_b=[str(101 + i), 0]) for i in range(length)}
    graph[str(100 + length)] = node("Text", value="word " * 1000)
    graph["6"] = node("CLIPTextEncode", text=["100", 0])
    return {**simple(), **graph}


def sinks(number: int) -> dict[str, Any]:
    """Everything is an end to start from, and below each is the whole chain."""
    ends = {str(10**6 + i): node("Save", images=["0", 0]) for i in range(number)}
    return {**ends, **{str(i): node("Pass", image=[str(i + 1), 0]) for i in range(number)}}


def ring(names: tuple[str, ...]) -> dict[str, Any]:
    """Every input of every node leads back."""
    graph = {str(i): node("Ring", **{name: [str((i + 7) % 30), 0] for name in names}) for i in range(30)}
    return sampling({**simple(), **graph}, **{name: ["0", 0] for name in names})


@pytest.mark.parametrize(
    "graph",
    [
        chain(10_000),
        diamonds(60),
        joins(60),
        sinks(8_000),
        ring(("positive", "negative", "model", "seed", "steps", "cfg", "latent_image", "sampler_name")),
        sampling(ring(("latent_image", "positive", "noise_seed")), add_noise="disable", latent_image=["3", 0]),
        ring(("guider", "sigmas", "sampler", "noise", "conditioning", "text", "text_a", "text_b", "select")),
        ring(("basic_pipe", "pipe", "model_a", "lora_stack", "width", "height")),
    ],
)
def test_graphs_that_lead_nowhere_end(graph: dict[str, Any]) -> None:
    with soon():
        found = read_made_with(png(text("prompt", json.dumps(graph))))
    assert found
    assert found.tool == "ComfyUI"


def test_a_chain_that_is_too_long_still_leaves_the_rest() -> None:
    found = read_made_with(png(text("prompt", json.dumps(chain(10_000)))))
    assert found
    assert (found.prompt, found.negative, found.steps, found.model) == ("", "watermark", 20, "v1-5-pruned-emaonly")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ('{"a": NaN, "b": [Infinity, -Infinity], "c": 1}', {"a": None, "b": [None, None], "c": 1}),
        ('{"a": 1, "b": [1, 2, {"c": "d", "e": ', {"a": 1, "b": [1, 2, {"c": "d"}]}),
        ('{"a": "x", "b": "cut sho', {"a": "x"}),
        ('{"a": "x", "b": "cut \\', {"a": "x"}),
        ('{"a": "x, {", "b": 2,}', {"a": "x, {", "b": 2}),
        ('{"a": [1, 2,], }', {"a": [1, 2]}),
        ('{"a": "line\nbreak"}', {"a": "line\nbreak"}),
        ('\ufeff {"a": 1}', {"a": 1}),
        ('{"a": ' + "9" * 5000 + "}", {"a": None}),
        ('{"a": 1} and more', {"a": 1}),
        ('{"a": 1]', {}),
        ("[1, 2]", {}),
        ("no JSON", {}),
        ("", {}),
        (None, {}),
    ],
)
def test_broken_json_gives_what_is_whole(source: str | None, says: dict[str, Any]) -> None:
    assert read_object(source) == says


def test_json_that_is_too_deep_gives_everything_before_that() -> None:
    found = read_object('{"prompt": "a cat", "deep": ' + "[" * 200_000)
    assert found["prompt"] == "a cat"


def test_texts_get_no_half_characters_and_no_nul() -> None:
    whole = {"prompt": "a\ud800 \0cat \ud83d\ude00", "base_model": "m"}
    found = read_made_with(png(text("parameters", json.dumps(whole))))
    assert found
    assert found.prompt == "a? cat 😀"


def test_a_hidden_text_with_a_false_length_does_not_count() -> None:
    image = scene(1, (64, 64)).convert("RGBA")
    for size in (0, 8, 2**31, 2**32 - 1):
        image.putalpha(255)
        content = bytearray(b"stealth_pngcomp" + struct.pack(">I", size))
        bits = [(byte >> (7 - i)) & 1 for byte in content for i in range(8)]
        alpha = image.getchannel("A")
        for i, bit in enumerate(bits):
            alpha.putpixel((i // 64, i % 64), 254 | bit)
        image.putalpha(alpha)
        found = read_made_with(png(image=image))
        assert found is None or not found.prompt


def test_a_file_cut_anywhere_gives_everything_before_the_cut() -> None:
    for content in (
        png(text("Software", "x"), text("parameters", A1111)),
        jpeg(tiff(exif=[unicode_comment(A1111)])),
        webp(tiff([(USER_COMMENT, ASCII, A1111.encode())])),
        hidden(A1111, pack=False),
    ):
        for end in range(0, len(content), 31):
            found = read_made_with(content[:end])
            assert found is None or found.tool == "A1111/Forge"
            with suppress(ImageUnreadable):
                decode_image(content[:end])


# --------------------------------------------------------------------------------------------------------------- fuzz


def whole(value: str) -> str:
    """The text without halves of characters, which no UTF-8 has."""
    return value.encode("utf-8", "replace").decode()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
_FIELDS = (
    *("prompt", "negative_prompt", "seed", "steps", "sui_image_params", "sui_models", "loras", "loraweights", "model"),
    *("positive_prompt", "resolution", "base_model", "uc", "v4_prompt", "caption", "char_captions", "nodes", "links"),
)
_INPUTS = (
    *(
        "positive",
        "negative",
        "conditioning",
        "seed",
        "noise",
        "guider",
        "model",
        "text",
        "text_g",
        "string_a",
        "string_b",
    ),
    *(
        "latent_image",
        "width",
        "height",
        "sigmas",
        "sampler",
        "steps",
        "cfg",
        "lora_name",
        "basic_pipe",
        "select",
        "any",
    ),
)
_IDS = st.sampled_from(["1", "2", "3", "4", "5", "6", "7"])
_LINKS = st.tuples(_IDS, st.integers(-1, 3)).map(list)
_GRAPHS = st.dictionaries(
    _IDS,
    st.fixed_dictionaries(
        {
            "class_type": st.sampled_from(["A", "ConditioningZeroOut", "Save"]),
            "inputs": st.dictionaries(st.sampled_from(_INPUTS), _LINKS | _LINKS | _JSON, max_size=8),
        }
    ),
)
_OBJECTS = st.dictionaries(
    st.sampled_from(_FIELDS), _JSON | st.dictionaries(st.sampled_from(_FIELDS), _JSON), max_size=8
)
_VALUES = st.one_of(
    st.text(max_size=200),
    st.builds(json.dumps, _JSON | _OBJECTS | _GRAPHS),
    st.builds(lambda value, end: json.dumps(value)[:-end], _OBJECTS | _GRAPHS, st.integers(1, 40)),
    st.builds(
        lambda a, b: f"{a}\nNegative prompt: {b}\nSteps: {a}, Seed: {b}, Size: {a}x{b}", st.text(), st.integers()
    ),
)
_ORDERS = st.sampled_from(["<", ">"])
_CHUNKS = st.one_of(
    st.builds(international, st.sampled_from(KEYWORDS), _VALUES.map(whole), pack=st.booleans()),
    st.builds(chunk, st.sampled_from([b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"comf"]), st.binary(max_size=120)),
)
_TAGS = st.tuples(st.sampled_from(sorted(NAMES)), st.sampled_from([1, 2, 3, 4, 7, 99]), st.binary(max_size=60))


def unharmed(content: bytes) -> None:
    """Whatever came, the answer is one that can be stored."""
    found = read_made_with(content)
    assert found is None or MadeWith.model_validate_json(found.model_dump_json()) == found


def fuzz_chunks(chunks: list[bytes], after: list[bytes]) -> None:
    unharmed(png(*chunks, after=after))


def fuzz_values(keyword: str, value: str) -> None:
    for read in READERS.values():
        read({keyword: value, "file name": "x"})


def fuzz_exif(tags: list[tuple[int, int, bytes]], order: str, broken: bytes) -> None:
    where = broken[:4].ljust(4, b"\0")
    listed = b"".join(struct.pack(f"{order}HHI", tag, kind, len(value)) + where for tag, kind, value in tags)
    exif = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags)) + listed + broken
    unharmed(webp(exif))
    unharmed(jpeg(exif))


def fuzz_bytes(seed: int, changes: int) -> None:
    """Good files with bytes changed anywhere."""
    chance = random.Random(seed)
    for good in _GOOD:
        content = bytearray(good)
        for _ in range(changes):
            content[chance.randrange(len(content))] = chance.randrange(256)
        unharmed(bytes(content))
        with suppress(ImageUnreadable):
            decode_image(bytes(content))


_GOOD = (
    png(text("parameters", A1111), international("prompt", json.dumps(simple()), pack=True)),
    jpeg(tiff(exif=[unicode_comment(A1111)])),
    webp(tiff([(0x0110, ASCII, b"prompt:" + json.dumps(simple()).encode())])),
    hidden(A1111),
    png(image=scene(1).convert("P")),
)
FUZZES: dict[str, tuple[Callable[..., None], dict[str, Any], int]] = {
    "chunks": (fuzz_chunks, {"chunks": st.lists(_CHUNKS, max_size=4), "after": st.lists(_CHUNKS, max_size=1)}, 40),
    "values": (
        fuzz_values,
        {"keyword": st.sampled_from((*KEYWORDS, "UserComment", "Model")), "value": _VALUES},
        100,
    ),
    "exif": (
        fuzz_exif,
        {"tags": st.lists(_TAGS, max_size=6), "order": _ORDERS, "broken": st.binary(max_size=200)},
        40,
    ),
    "bytes": (fuzz_bytes, {"seed": st.integers(0, 2**32), "changes": st.integers(1, 12)}, 25),
}


@pytest.mark.parametrize("name", FUZZES)
def test_random_metadata_does_no_harm(name: str) -> None:
    run(name, 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", FUZZES)
def test_much_random_metadata_does_no_harm(name: str) -> None:
    """A minute in all, on two cores of 2026."""
    run(name, 8)


def run(name: str, times: int) -> None:
    check, strategies, examples = FUZZES[name]
    limits = settings(
        max_examples=examples * times,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    limits(given(**strategies)(check))()
