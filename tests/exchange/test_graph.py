"""The reading of ComfyUI graphs, of which the node pack has a copy: what was decided where there once were two readings
(docs/decisions.md, 2026-12-01). Each test runs against both files.
"""

import ast
import subprocess
import sys
from typing import Any

import pytest

import comfy_nodes.graph
import sdpo_core.exchange.metadata.graph
from tests.comfy_nodes.copy_graph import COPY, EDITED, ROOT
from tests.exchange import comfy_graphs as graphs
from tests.exchange.comfy_graphs import Graph, node, sampling, simple

SEED = graphs.SIMPLE["seed"]


@pytest.fixture(params=[sdpo_core.exchange.metadata.graph, comfy_nodes.graph], ids=["library", "pack"])
def reader(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_the_packs_copy_is_the_librarys_file() -> None:
    assert COPY.read_bytes() == EDITED.read_bytes(), "run: python -m tests.comfy_nodes.copy_graph"


def test_the_command_builds_the_copy() -> None:
    before = COPY.read_bytes()
    subprocess.run([sys.executable, "-m", "tests.comfy_nodes.copy_graph"], cwd=ROOT, check=True, capture_output=True)
    assert COPY.read_bytes() == before


def test_it_needs_the_standard_library_alone() -> None:
    nodes = list(ast.walk(ast.parse(EDITED.read_text(encoding="utf-8"))))
    names = {alias.name for one in nodes if isinstance(one, ast.Import) for alias in one.names}
    names |= {str(one.module) for one in nodes if isinstance(one, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


# ---------------------------------------------------------------------------------------------------- which sampler


def detailed() -> Graph:
    """A second pass and a face detailer, each with its own texts, model and LoRA."""
    graph = graphs.refined()
    for number, text in {"50": "hands", "51": "bad hands", "52": "a face", "53": "a mask"}.items():
        graph[number] = node("CLIPTextEncode", text=text, clip=["4", 1])
    graph["54"] = node("CheckpointLoaderSimple", ckpt_name="second.safetensors")
    graph["40"]["inputs"].update(positive=["50", 0], negative=["51", 0], model=["54", 0], denoise=0.4)
    graph["55"] = node(
        "FaceDetailer", image=["8", 0], model=["54", 0], positive=["52", 0], negative=["53", 0], seed=3, steps=5
    )
    graph["9"]["inputs"]["images"] = ["55", 0]
    return graph


def found(reader: Any, graph: Any, saver: str = "9") -> Any:
    return reader.find(graph, saver)


def prompt_of(reader: Any, text: Any, **nodes: dict[str, Any]) -> str | None:
    """The prompt of the default workflow, whose encoder gets `text`."""
    graph = {**simple(), **nodes}
    graph["6"]["inputs"]["text"] = text
    return found(reader, graph).prompt


def test_what_counts_is_the_sampler_that_began_from_the_empty_latent(reader: Any) -> None:
    assert found(reader, detailed()) == reader.Found("a glass bottle", "watermark", SEED, "v1-5-pruned-emaonly")


def test_a_loaded_image_is_started_by_the_sampler_that_it_enters(reader: Any) -> None:
    graph = simple()
    graph["5"] = node("VAEEncode", pixels=["60", 0], vae=["4", 2])
    graph["60"] = node("LoadImage", image="sketch.png")
    assert found(reader, graph).prompt == "a glass bottle"


def test_samplers_in_a_circle_end(reader: Any) -> None:
    graph = graphs.refined()
    graph["3"]["inputs"]["latent_image"] = ["40", 0]
    assert found(reader, graph).seed == SEED, "the one that is met last"


def test_a_sampler_may_aim_by_its_first_conditioning(reader: Any) -> None:
    graph = sampling(simple(), cond1=["6", 0])
    del graph["3"]["inputs"]["positive"]
    assert (found(reader, graph).prompt, found(reader, graph).seed) == ("a glass bottle", SEED)


def test_a_node_that_makes_an_image_all_by_itself_tells_its_prompt(reader: Any) -> None:
    graph = {
        "1": node("SomeCloudImage", prompt="a fox", seed=1),
        "2": node("ImageScale", image=["1", 0], width=64, height=64),
        "3": node("FindMask", prompt="face", image=["2", 0]),
        "4": node("Composite", destination=["2", 0], mask=["3", 0]),
        "9": node("SaveImage", filename_prefix="x", images=["4", 0]),
    }
    assert found(reader, graph) == reader.Found(prompt="a fox")
    graph["1"]["inputs"]["image"] = ["7", 0]
    graph["7"] = node("LoadImage", image="sketch.png")
    assert found(reader, graph) == reader.Found(), "a text about how to change an image doesn't say what is in it"


# ------------------------------------------------------------------------------------- texts that only a run knows

AT_RUN_TIME = {
    "a caption": node("Caption", image=["60", 0], question="what is on it?"),
    "a caption without another link": node("LoadCaption", file_path="captions.txt"),
    "a language model": node("AskModel", prompt="write about a fox", model="llama3", seed=5, max_tokens=100),
    "a language model with a link": node("AskModel", prompt="write about a fox", llm=["60", 0]),
    "wildcards drawn at run time": node("DrawWildcards", text="{a|b} fox", seed=5),
    "a replacement": node("StringReplace", string="a fox", find="fox", replace="hare"),
    "a part": node("StringSubstring", string="a fox", start=0, end=2),
    "another case": node("CaseConverter", string="a fox", mode="UPPERCASE"),
    "a choice of two": node("TextSwitch", input=1, text1="a fox", text2="a hare"),
    "a switch by a link": node("Switch", select=["61", 0], input1=["62", 0], input2=["62", 0]),
    "a joining that replaces": node("StringFunction", action="replace", text_a="a fox", text_b="fox", text_c="hare"),
    "a node that doesn't exist": node("Reroute", **{"": ["gone", 0]}),
    "two texts and no joining": node("Two", text="a fox", string="a hare"),
    "a circle": node("Reroute", **{"": ["30", 0]}),
    "parts that aren't texts": node("Join", text_a=5, text_b=None),
}  # fmt: skip


@pytest.mark.parametrize("kind", AT_RUN_TIME)
def test_a_text_that_only_a_run_knows_is_not_a_prompt(reader: Any, kind: str) -> None:
    more = {"60": node("LoadImage", image="a.png"), "61": node("Dice", sides=2), "62": node("Text", text="a fox")}
    assert prompt_of(reader, ["30", 0], **{"30": AT_RUN_TIME[kind]}, **more) is None
    joined = node("Join", string_a="a lake", string_b=["30", 0])
    assert prompt_of(reader, ["31", 0], **{"30": AT_RUN_TIME[kind], "31": joined}, **more) is None
    shown = node("ShowText", text=["30", 0], text_0="what an earlier run said")
    assert prompt_of(reader, ["31", 0], **{"30": AT_RUN_TIME[kind], "31": shown}, **more) is None


def test_nor_is_what_comes_with_such_a_text(reader: Any) -> None:
    graph = {**simple(), "30": AT_RUN_TIME["a caption"], "60": node("LoadImage", image="a.png")}
    graph["6"] = node("CLIPTextEncodeSDXL", text_g="a glass bottle", text_l=["30", 0], clip=["4", 1])
    assert found(reader, graph).prompt is None
    graph["6"] = node("CLIPTextEncode", text=["30", 0], clip=["4", 1])
    graph["31"] = node("CLIPTextEncode", text="on sand", clip=["4", 1])
    graph["32"] = node("ConditioningCombine", conditioning_1=["6", 0], conditioning_2=["31", 0])
    assert found(reader, sampling(graph, positive=["32", 0])).prompt is None
    assert found(reader, graph).negative == "watermark", "the other side is known all the same"


HELD = {
    "a primitive": node("PrimitiveString", value="a fox"),
    "a primitive with its widget": node("PrimitiveString", value="a fox", control_after_generate="fixed"),
    "a text under another name": node("KepStringLiteral", String="a fox"),
    "wildcards that were drawn before the run": node(
        "ImpactWildcard", wildcard_text="{a|b} fox", populated_text="a fox", mode="populate", seed=5
    ),
    "a reroute": node("Reroute", **{"": ["62", 0]}),
    "a shown text": node("ShowText", text=["62", 0], text_0="what an earlier run said"),
    "a preview": node("PreviewAny", source=["62", 0]),
    "a switch": node("Switch", select=2, sel_mode=True, input1=["63", 0], input2=["62", 0]),
    "a switch whose number is a text": node("Switch", select="2", input1=["63", 0], input2=["62", 0]),
    "the first that there is": node("AnySwitch", any_01=["62", 0], any_02=["63", 0]),
    "a joining": node("Concatenate", string_a="a", string_b="fox", delimiter=" "),
    "a joining with a flag": node("Concatenate", text_a="a", text_b=["64", 0], delimiter=" ", clean_whitespace="true"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HELD)
def test_a_text_that_is_held_passed_on_or_joined_is_the_prompt(reader: Any, kind: str) -> None:
    more = {"62": node("Text", text="a fox"), "63": node("Text", text="a hare"), "64": node("Text", value="fox")}
    assert prompt_of(reader, ["30", 0], **{"30": HELD[kind]}, **more) == "a fox"


def test_ten_parts_are_joined_in_order(reader: Any) -> None:
    parts = {f"text_{number}": str(number) for number in range(1, 12)}
    assert prompt_of(reader, ["30", 0], **{"30": node("Join", separator=" ", **parts)}) == "1 2 3 4 5 6 7 8 9 10 11"


def test_a_text_that_is_too_long_is_not_a_prompt_and_none_is_cut(reader: Any) -> None:
    assert prompt_of(reader, "a" * 2**16) == "a" * 2**16
    assert prompt_of(reader, "a" * (2**16 + 1)) is None
    half = node("Text", text="a" * 2**15)
    joined = node("Join", text_a=["30", 0], text_b=["30", 0])
    assert prompt_of(reader, ["31", 0], **{"30": half, "31": joined}) is None


def test_a_path_that_is_too_long_gives_no_prompt(reader: Any) -> None:
    chain = {str(100 + i): node("Reroute", **{"": [str(101 + i), 0]}) for i in range(99)}
    assert prompt_of(reader, ["150", 0], **chain, **{"199": node("Text", text="a fox")}) == "a fox"
    chain = {str(100 + i): node("Reroute", **{"": [str(101 + i), 0]}) for i in range(150)}
    assert prompt_of(reader, ["100", 0], **chain, **{"250": node("Text", text="a fox")}) is None


@pytest.mark.parametrize("ways", [1, 2])
def test_what_was_found_before_the_budget_was_used_up_does_not_count(reader: Any, ways: int) -> None:
    """One way that is too long, or two at each node, which are too many."""
    graph = simple()
    for i in range(150):
        behind = {f"conditioning_{way}": [str(101 + i), 0] for way in range(ways)}
        graph[str(100 + i)] = node("ConditioningCombine", **behind)
    graph["20"] = node("ConditioningCombine", conditioning_1=["6", 0], conditioning_2=["100", 0])
    told = found(reader, sampling(graph, positive=["20", 0]))
    assert (told.prompt, told.negative) == (None, "watermark")


def test_no_text_and_an_empty_one_are_two_things(reader: Any) -> None:
    assert prompt_of(reader, "") == ""
    assert found(reader, graphs.flux()).negative is None
    assert found(reader, graphs.zeroed()).negative == ""


@pytest.mark.parametrize(("written", "read"), [(" a\0 fox\n", "a fox"), ("a \ud800 fox", "a ? fox")])
def test_what_no_database_takes_is_left_out(reader: Any, written: str, read: str) -> None:
    assert prompt_of(reader, written) == read


# -------------------------------------------------------------------------------------------------------- two sides


def sides(reader: Any, graph: Graph) -> tuple[str | None, str | None]:
    told = found(reader, graph)
    return told.prompt, told.negative


def test_sides_are_distinguished_where_the_model_comes_first(reader: Any) -> None:
    graph = graphs.with_model_before()
    assert sides(reader, graph) == ("a glass bottle", "watermark")
    graph["21"] = node("ControlNetApplyAdvanced", positive=["20", 1], negative=["20", 2], control_net=["x", 0])
    assert sides(reader, sampling(graph, positive=["21", 0], negative=["21", 1])) == ("a glass bottle", "watermark")
    graph["22"] = node("ConditioningZeroOut", conditioning=["6", 0])
    assert sides(reader, sampling(graph, positive=["20", 1], negative=["22", 0])) == ("a glass bottle", "")
    assert sides(reader, sampling(graph, positive=["6", 0], negative=["20", 2])) == ("a glass bottle", "watermark")


def test_crossed_sides_stay_crossed(reader: Any) -> None:
    assert sides(reader, graphs.controlled((1, 0))) == ("watermark", "a glass bottle")
    graph = graphs.efficient()
    graph["2"]["inputs"].update(positive=["1", 2], negative=["1", 1])
    assert reader.find(graph, "4")[:2] == ("fog", "a tower")


def test_a_side_is_never_taken_from_the_other(reader: Any) -> None:
    graph = {**simple(), "20": node("OneSided", positive=["6", 0], strength=1)}
    assert sides(reader, sampling(graph, negative=["20", 0])) == ("a glass bottle", None)
    graph["20"] = node("OneSided", negative_text=["7", 0], neg_cond=["7", 0], strength=1)
    assert sides(reader, sampling(graph, positive=["20", 0], negative=["7", 0])) == (None, "watermark")


def test_a_styler_gives_out_its_sides_by_their_order_also_linked(reader: Any) -> None:
    graph = graphs.styled()
    assert sides(reader, graph) == ("{prompt} in oil", "photo")
    graph["62"], graph["63"] = node("Text", text="a fox"), node("Text", text="a hare")
    graph["30"]["inputs"].update(text_positive=["62", 0], text_negative=["63", 0])
    assert sides(reader, graph) == ("a fox", "a hare")
    graph["6"]["inputs"]["text"], graph["7"]["inputs"]["text"] = ["30", 1], ["30", 0]
    assert sides(reader, graph) == ("a hare", "a fox")


# --------------------------------------------------------------------------------------------- seed, model and links


@pytest.mark.parametrize(
    ("value", "seed"),
    [(7, 7), ("7", 7), (7.0, 7), (2**64 - 1, 2**64 - 1), (2**64, None), (-1, None), (True, None), (["30", 0], 5)],
)
def test_a_seed_is_what_comfyui_takes_for_one(reader: Any, value: Any, seed: int | None) -> None:
    assert found(reader, {**sampling(simple(), seed=value), "30": node("Seed", seed=5)}).seed == seed


def test_no_other_number_replaces_a_seed_that_only_a_run_knows(reader: Any) -> None:
    assert found(reader, sampling(simple(), seed=-1, noise_seed=5)).seed is None


def test_a_model_is_found_behind_reroutes_and_its_name_is_one_line(reader: Any) -> None:
    graph = {**simple(), "30": node("Reroute", **{"": ["4", 0]})}
    assert found(reader, sampling(graph, model=["30", 0])).model == "v1-5-pruned-emaonly"
    graph["4"]["inputs"]["ckpt_name"] = "a/b\\my  \n model.gguf"
    assert found(reader, graph).model == "my model"


@pytest.mark.parametrize(
    ("link", "prompt"),
    [
        *[(link, "a glass bottle") for link in (["6", 0], ["6", 0.0])],
        *[(link, None) for link in (("6", 0), [6, 0], ["6", True], ["6", 0.5], ["6", 0, 0], ["6"], ["6", "0"])],
    ],
)
def test_a_link_is_what_comfyui_takes_for_one(reader: Any, link: Any, prompt: str | None) -> None:
    graph = sampling({**simple(), "20": node("ConditioningSetArea", conditioning=link)}, positive=["20", 0])
    assert found(reader, graph).prompt == prompt


@pytest.mark.parametrize("kind", [None, 5, ["ConditioningZeroOut"], {"zeroout": 1}])
def test_only_a_name_is_a_kind(reader: Any, kind: Any) -> None:
    graph = simple()
    graph["6"]["class_type"] = kind
    assert found(reader, graph).prompt == "a glass bottle"


@pytest.mark.parametrize("broken", [None, [], {}, {"inputs": []}, "node"])
def test_a_node_without_inputs_does_not_count(reader: Any, broken: Any) -> None:
    graph: dict[Any, Any] = {**simple(), "20": broken}
    assert reader.of_prompt(graph).keys() == simple().keys()
    assert found(reader, sampling(graph, positive=["20", 0])).prompt is None


def test_an_id_may_be_a_number_and_only_so_many_nodes_are_read(reader: Any) -> None:
    graph = {int(number): one for number, one in simple().items()}
    assert found(reader, graph).prompt == "a glass bottle"
    many = {**simple(), **{f"x{i}": node("X") for i in range(30_000)}}
    assert len(reader.of_prompt(many)) == 20_000
