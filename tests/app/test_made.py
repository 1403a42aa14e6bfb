"""What the page tells about the making of an image."""

from datetime import UTC, datetime

from app.generate.made import made
from sdpo_core.workspace.records import AdapterUse, Candidate, MadeWith, NamedLora, WorkflowUse
from tests.app.helpers import recipe


def candidate(**fields: object) -> Candidate:
    known = {"id": 1, "key": "k", "prompt": "a lake", "negative": "", "image_sha256": "0" * 64, "recipe": None}
    size = {"width_px": 96, "height_px": 64, "created_at": datetime.now(UTC)}
    return Candidate.model_validate({**known, **size, **fields})


def test_of_a_generated_image_everything_is_known() -> None:
    uses = (AdapterUse(sha256="1" * 64, strength=0.75), AdapterUse(sha256="2" * 64))
    one = recipe("a lake", 7).model_copy(update={"steps": 20, "guidance": 3.5, "sampler": "ddim", "adapters": uses})
    assert made(candidate(recipe=one, negative="fog"), {"1" * 64: "warm"}) == [
        ("Size", "96 x 64"),
        ("Seed", "7"),
        ("Steps", "20"),
        ("Guidance", "3.5"),
        ("Sampler", "ddim"),
        ("Adapters", "warm at 0.75, an adapter that isn't in this project at 1"),
        ("Negative prompt", "fog"),
    ]


def test_of_one_from_a_comfyui_what_its_workflow_says() -> None:
    use = WorkflowUse(sha256="3" * 64, image=0, model="base", loras=(NamedLora(name="ink", strength=0.5),))
    one = recipe("a lake", 7).model_copy(update={"steps": 0, "guidance": 0.0, "sampler": "", "workflow": use})
    told = made(candidate(recipe=one), {})
    assert told[2:] == [("Adapters", "ink at 0.5"), ("Model", "base"), ("Made with", "ComfyUI")]


def test_of_an_imported_one_what_its_file_says() -> None:
    told = MadeWith(tool="A1111/Forge", seed=0, steps=30, model="base", loras=(NamedLora(name="ink"),))
    assert made(candidate(made_with=told), {}) == [
        ("Size", "96 x 64"),
        ("Seed", "0"),
        ("Steps", "30"),
        ("Adapters", "ink"),
        ("Model", "base"),
        ("Made with", "A1111/Forge"),
    ]
    assert made(candidate(), {}) == [("Size", "96 x 64")]
