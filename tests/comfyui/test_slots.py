"""Where prompt, seed and size are in workflows of many shapes; each answer is checked by filling and reading."""

import io
import json
import random
import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from sdpo_core.comfyui.slots import Pointed, find_slots
from sdpo_core.comfyui.workflow import Workflow, read_graph
from sdpo_core.errors import ComfyUIError
from tests.exchange import comfy_graphs as graphs
from tests.exchange.comfy_graphs import Graph, node, sampling, simple


def found(graph: Graph, **pointed: Any) -> Workflow:
    return find_slots(read_graph(json.dumps(graph).encode()), Pointed(**pointed))


def slots(workflow: Workflow) -> dict[str, list[str]]:
    return {
        name: [str(slot) for slot in getattr(workflow, name) or ()] for name in ("prompt", "negative", "seed", "size")
    }


def advanced() -> Graph:
    graph = simple()
    inputs = graph["3"]["inputs"]
    inputs["noise_seed"] = inputs.pop("seed")
    graph["3"] = node("KSamplerAdvanced", **inputs, add_noise="enable", start_at_step=0, end_at_step=10_000)
    return graph


def guided() -> Graph:
    """The custom sampler with a guider of two sides."""
    graph = graphs.flux()
    graph["22"] = node("CFGGuider", model=["30", 0], positive=["26", 0], negative=["7", 0], cfg=3.5)
    graph["6"] = node("CLIPTextEncode", clip=["11", 0], text="a cat")
    graph["7"] = node("CLIPTextEncode", clip=["11", 0], text="blurry")
    return graph


def primitives() -> Graph:
    graph = sampling(simple(), seed=["50", 0])
    graph["50"] = node("PrimitiveInt", value=11, control_after_generate="fixed")
    graph["51"] = node("PrimitiveStringMultiline", value="a glass bottle")
    graph["6"]["inputs"]["text"] = ["51", 0]
    graph["52"] = node("PrimitiveInt", value=640)
    graph["5"]["inputs"]["width"] = ["52", 0]
    return graph


def subgraphs() -> Graph:
    """Ids as the editor flattens nodes of a subgraph."""
    text = json.dumps(simple())
    for number in ("3", "5", "6", "7"):
        text = text.replace(f'"{number}"', f'"12:{number}"')
    return json.loads(text)


def two_encoders() -> Graph:
    graph = simple()
    for number, text in (("6", "a glass bottle"), ("7", "watermark")):
        graph[number] = node("CLIPTextEncodeSDXL", text_g=text, text_l=f"{text}, photo", width=1024, clip=["4", 1])
    return graph


def refiner() -> Graph:
    """Base and refiner, each with encoders of its own, of the same texts."""
    graph = graphs.continued()
    graph["66"] = node("CLIPTextEncodeSDXLRefiner", text="a glass bottle", ascore=6.0, clip=["44", 1])
    graph["67"] = node("CLIPTextEncodeSDXLRefiner", text="watermark", ascore=2.5, clip=["44", 1])
    graph["40"]["inputs"].update(positive=["66", 0], negative=["67", 0])
    return graph


def unreadable_seed() -> Graph:
    graph = sampling(simple(), seed=["50", 0])
    graph["50"] = node("SeedFromTheMoon", phase="full")
    return graph


SIZE = ["5.width", "5.height"]
USUAL = {"prompt": ["6.text"], "negative": ["7.text"], "seed": ["3.seed"], "size": SIZE}


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        (simple(), USUAL),
        (advanced(), {**USUAL, "seed": ["3.noise_seed"]}),
        (
            graphs.flux(),
            {
                "prompt": ["6.clip_l", "6.t5xxl"],
                "negative": [],
                "seed": ["25.noise_seed"],
                "size": ["27.width", "27.height"],
            },
        ),
        (
            guided(),
            {
                "prompt": ["6.text"],
                "negative": ["7.text"],
                "seed": ["25.noise_seed"],
                "size": ["27.width", "27.height"],
            },
        ),
        (
            primitives(),
            {"prompt": ["51.value"], "negative": ["7.text"], "seed": ["50.value"], "size": ["52.value", "5.height"]},
        ),
        (subgraphs(), {name: [f"12:{slot}" for slot in there] for name, there in USUAL.items()}),
        (two_encoders(), {**USUAL, "prompt": ["6.text_g", "6.text_l"], "negative": ["7.text_g", "7.text_l"]}),
        (
            refiner(),
            {
                "prompt": ["66.text", "6.text"],
                "negative": ["67.text", "7.text"],
                "seed": ["40.noise_seed", "3.noise_seed"],
                "size": [],
            },
        ),
        (unreadable_seed(), USUAL),
        (graphs.refined(), {**USUAL, "seed": ["40.seed", "3.seed"], "size": []}),
        (graphs.controlled(), USUAL),
        (graphs.controlled((1, 0)), {**USUAL, "prompt": ["7.text"], "negative": ["6.text"]}),
        (graphs.with_model_before(), USUAL),
        (graphs.piped(), USUAL),
        (graphs.zeroed(), {**USUAL, "negative": []}),
        (graphs.stacked(), USUAL),
        (graphs.styled(), {**USUAL, "prompt": ["30.text_positive"], "negative": ["30.text_negative"]}),
        (graphs.efficient(), {"prompt": ["1.positive"], "negative": ["1.negative"], "seed": ["3.seed"], "size": []}),
    ],
)
def test_the_slots_are_found_by_the_links(graph: Graph, expected: dict[str, list[str]]) -> None:
    workflow = found(graph)
    assert slots(workflow) == expected
    assert workflow.problems == ()
    filled = workflow.filled("a new thing", "a bad thing", 99)
    told = workflow.read(filled)
    assert "a new thing" in told.prompt
    assert told.seed == 99 or graph == unreadable_seed()
    assert (told.negative == "a bad thing") == bool(expected["negative"])
    assert find_slots(filled).sha256 == workflow.sha256
    assert workflow.graph == read_graph(json.dumps(graph).encode()), "filling changes a copy"
    if expected["size"]:
        sized = workflow.sized(96)
        assert (sized.made_with.width_px, sized.made_with.height_px) == (96, 96)
        assert sized.sha256 != workflow.sha256


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        (
            graphs.concatenated(),
            "consists of several texts. Point at one: 31.string_b “on sand”, 30.value “a glass",
        ),
        (graphs.combined(), "consists of several texts"),
        (graphs.two_savers(), "in several places. Point at one node: 1 (SaveImage), 9 (SaveImage)"),
        (graphs.looped(), "It isn't clear where the prompt is in this workflow. Point at it"),
        ({"8": node("VAEDecode", samples=["3", 0], vae=["4", 2])}, "doesn't save or show an image"),
        ({"9": node("SaveImage", images=["8", 0]), "8": node("X", text="a lake")}, "Its texts: 8.text “a lake”"),
    ],
)
def test_what_is_not_clear_is_said_with_what_there_is(graph: Graph, words: str) -> None:
    with pytest.raises(ComfyUIError) as problem:
        found(graph).require(negative=False)
    assert words in str(problem.value)


def test_a_person_points_at_what_is_not_clear() -> None:
    workflow = found(graphs.concatenated(), prompt=("30.value",))
    assert workflow.problems == ()
    assert workflow.read(workflow.filled("a jug", "", 1)).prompt == "a jug, on sand"
    workflow = found(graphs.two_savers(), image="9")
    assert slots(workflow)["prompt"] == ["6.text"]
    other = {"8": node("Cloud.draw", **{"words.en": "a lake", "number": 5}), "9": node("SaveImage", images=["8", 0])}
    workflow = found(other, prompt=("8.words.en",), seed=("8.number",))
    assert workflow.problems == ()
    assert workflow.filled("a sea", "", 6)["8"]["inputs"] == {"words.en": "a sea", "number": 6}
    linked = found(graphs.concatenated(), prompt=("6.text",))
    assert linked.filled("alone", "", 1)["6"]["inputs"]["text"] == "alone"


@pytest.mark.parametrize(
    ("pointed", "words"),
    [
        ({"prompt": ("6",)}, "such as 6.text"),
        ({"prompt": ("6.words",)}, "Node 6 has: text, clip"),
        ({"prompt": ("3.steps",)}, "3.steps holds 20, not a text"),
        ({"seed": ("4.ckpt_name",)}, "not a whole number"),
        ({"image": "77"}, "has no node 77"),
    ],
)
def test_pointing_at_something_missing_is_reported(pointed: dict[str, Any], words: str) -> None:
    with pytest.raises(ComfyUIError, match=words):
        found(simple(), **pointed)


def test_a_negative_prompt_needs_a_place_only_when_there_is_one() -> None:
    workflow = found(graphs.flux())
    workflow.require(negative=False)
    with pytest.raises(ComfyUIError, match="It isn't clear where the negative prompt is"):
        workflow.require(negative=True)
    with pytest.raises(ComfyUIError, match="It isn't clear where the size is"):
        found(graphs.refined()).sized(512)


def test_an_image_that_comfyui_saved_is_a_workflow_too() -> None:
    text, buffer = PngImagePlugin.PngInfo(), io.BytesIO()
    text.add_text("prompt", json.dumps(simple()))
    Image.new("RGB", (8, 8)).save(buffer, "PNG", pnginfo=text)
    assert slots(find_slots(read_graph(buffer.getvalue()))) == USUAL
    Image.new("RGB", (8, 8)).save(buffer := io.BytesIO(), "PNG")
    with pytest.raises(ComfyUIError, match="holds no ComfyUI workflow"):
        read_graph(buffer.getvalue())
    sent = {"prompt": simple(), "client_id": "x"}  # as a program sends it
    assert slots(find_slots(read_graph(json.dumps(sent).encode()))) == USUAL


def test_the_first_pass_gives_the_settings_and_all_passes_give_the_loras() -> None:
    graph = graphs.refined()
    graph["50"] = node("LoraLoaderModelOnly", lora_name="sharp.safetensors", strength_model=0.5, model=["4", 0])
    graph["40"]["inputs"]["model"] = ["50", 0]
    workflow = found(graph)
    assert workflow.sampler == "3"
    assert (workflow.made_with.steps, workflow.made_with.width_px, workflow.made_with.loras) == (20, 1024, ())
    assert [(lora.name, lora.strength) for lora in workflow.loras] == [("sharp", 0.5)]
    pointed = found(sampling(graph, positive=["7", 0]), prompt=("6.text",))
    assert pointed.sampler == "40", "only this one aims at the text that a person pointed at"


def test_a_text_that_only_a_run_knows_is_not_a_slot_until_a_person_points_at_it() -> None:
    graph = {**simple(), "30": node("AskModel", prompt="a fox", model="llama3", seed=5)}
    graph["6"]["inputs"]["text"] = ["30", 0]
    with pytest.raises(ComfyUIError, match=r"Point at it. Its texts: 7.text “watermark”, 30.prompt “a fox”"):
        found(graph).require(negative=False)
    workflow = found(graph, prompt=("30.prompt",))
    workflow.require(negative=True)
    assert workflow.filled("a hare", "", 1)["30"]["inputs"]["prompt"] == "a hare"
    assert workflow.read_texts == (False, True)


def test_what_was_found_is_shown_a_line_each() -> None:
    lines = {line.what: (line.where, line.value) for line in found(graphs.stacked()).found()}
    assert lines["prompt"] == ("6.text", "“a glass bottle”")
    assert lines["model"] == ("4.ckpt_name", "v1-5-pruned-emaonly")
    assert lines["LoRAs"] == ("", "one (0.5), three (0.25)")
    assert lines["size"] == ("5.width, 5.height", "512 × 768")
    assert lines["images of"] == ("9", "SaveImage")


@given(
    reroutes=st.lists(st.integers(0, 3), min_size=3, max_size=3),
    wrapped=st.lists(st.sampled_from(["ConditioningSetArea", "ControlNetApply", "Anything"]), max_size=4),
    joined=st.booleans(),
    seed=st.integers(0, 2**64 - 1),
    shuffle=st.randoms(use_true_random=False),
    prompt=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40).filter(str.strip),
)
@settings(max_examples=80, deadline=None)
def test_any_way_from_the_sampler_leads_to_the_same_slots(
    reroutes: list[int], wrapped: list[str], joined: bool, seed: int, shuffle: random.Random, prompt: str
) -> None:
    graph = sampling(simple(), seed=seed)

    def put_behind(owner: str, name: str, primitive: str, count: int) -> str:
        """The value of an input into a primitive, behind `count` nodes that pass it on."""
        where = f"{owner}.{name}"
        for step in range(count):
            value, number = graph[owner]["inputs"][name], f"9{owner}:{step}"
            graph[owner]["inputs"][name] = [number, 0]
            owner, name = number, "value"
            graph[number] = node(primitive, value=value)
            where = f"{number}.value"
        return where

    expected = {
        "prompt": [put_behind("6", "text", "PrimitiveString", reroutes[0])],
        "negative": [put_behind("7", "text", "PrimitiveString", reroutes[1])],
        "seed": [put_behind("3", "seed", "PrimitiveInt", reroutes[2])],
        "size": SIZE,
    }
    for step, kind in enumerate(wrapped):
        graph[f"80:{step}"] = node(kind, conditioning=graph["3"]["inputs"]["positive"], strength=0.5)
        graph["3"]["inputs"]["positive"] = [f"80:{step}", 0]
    if joined:
        graph["70"] = node("PreviewImage", images=["8", 0])
    order = list(graph)
    shuffle.shuffle(order)
    workflow = found({number: graph[number] for number in order})
    assert slots(workflow) == expected
    told = workflow.read(workflow.filled(prompt, "", 5))
    assert (told.prompt, told.negative, told.seed) == (prompt.strip(), "watermark", 5)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["1", "2", "seed"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "seed", "positive", "x"]), inner)
    ),
    max_leaves=10,
)
_LINKS = st.tuples(st.sampled_from("1234"), st.integers(0, 2)).map(list)
_INPUTS = st.dictionaries(
    st.sampled_from(
        ["text", "seed", "positive", "negative", "images", "guider", "noise", "latent_image", "width", "a.b"]
    ),
    _LINKS | _JSON,
    max_size=6,
)


@given(
    st.dictionaries(
        st.sampled_from("12345"), st.fixed_dictionaries({"class_type": st.text(), "inputs": _INPUTS}) | _JSON
    )
)
@settings(max_examples=200, deadline=None)
def test_any_graph_is_a_workflow_or_a_sentence(nodes: dict[str, Any]) -> None:
    try:
        workflow = find_slots(read_graph(json.dumps(nodes).encode()))
        workflow.require(negative=True)
    except ComfyUIError:
        return
    assert workflow.filled("a", "b", 1)
    assert workflow.sha256
    assert workflow.found()


def test_a_graph_of_thousands_of_equal_values_is_read_in_seconds() -> None:
    graph = simple()
    for step in range(600):
        before = graph["3"]["inputs"]["positive"]
        graph[f"9:{step}"] = node("X", conditioning=before, extra="", seed=graph["3"]["inputs"]["seed"])
        graph["3"]["inputs"]["positive"] = [f"9:{step}", 0]
    started = time.monotonic()
    found(graph)
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("written", ["6", "6.txet"])
def test_a_node_without_the_input_lists_what_it_has(written: str) -> None:
    graph = {"61": node("X", other=1), **simple(), "6.": node("Y", more=1)}
    with pytest.raises(ComfyUIError, match=re.escape(f"has no {written}. Expected") + ".* Node 6 has: text, clip"):
        find_slots(graph, Pointed(prompt=(written,)))


def test_a_node_of_thousands_of_equal_values_is_read_in_seconds() -> None:
    graph = simple()
    graph["6"]["inputs"].update({f"text_{i}": graph["6"]["inputs"]["text"] for i in range(30_000)})
    started = time.process_time()
    found(graph)
    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (json.loads("[" * 900 + "]" * 900), "Node 6 (CLIPTextEncode) nests lists"),
        ("a \ud800 lake", "contains a broken character"),
        (float("nan"), "Node 6 (CLIPTextEncode) holds NaN or infinity"),
    ],
)
def test_a_node_that_can_not_be_sent_is_refused(value: Any, words: str) -> None:
    graph = simple()
    graph["6"]["inputs"]["more"] = value
    with pytest.raises(ComfyUIError, match=re.escape(words)):
        read_graph(json.dumps(graph).encode())
