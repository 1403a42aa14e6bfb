"""A folder of images that other tools made: what comes in, what is paired with what, and what is left out and why."""

import json
import os
import random
import re
from pathlib import Path
from time import perf_counter

import pytest
from PIL import Image, ImageDraw, ImageEnhance

from sdpo_core.exchange.images import ImagesReport, import_images
from sdpo_core.exchange.importers import IMAGES, detect, open_folder
from sdpo_core.images.looks import look_of, nearly_same
from sdpo_core.workspace.imported import AddedImages
from sdpo_core.workspace.store import Store
from tests.exchange.comfy_graphs import sampling, simple
from tests.images.image_files import hidden, jpeg, packed, png, scene, text, tiff, unicode_comment, webp
from tests.workspace.helpers import add, vote_on


def infotext(prompt: str, seed: int, negative: str = "blurry") -> str:
    return (
        f"{prompt}\nNegative prompt: {negative}\nSteps: 20, Sampler: Euler a, Seed: {seed}, Size: 96x64, Model: dream"
    )


def drawn(seed: int, prompt: str = "a lake", negative: str = "blurry") -> bytes:
    return png(text("parameters", infotext(prompt, seed, negative)), image=scene(seed))


def take(store: Store, root: Path, prompt: str | None = None) -> ImagesReport:
    folder = open_folder(root, prompt=prompt)
    assert detect(folder) == IMAGES
    return import_images(store, folder.all_images(), prompt=folder.prompt)


def write(root: Path, **files: bytes) -> Path:
    for name, content in files.items():
        path = root / re.sub("_(png|jpg|webp|txt)$", r".\1", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def test_images_of_several_tools_become_candidates_and_pairs_of_one_prompt(store: Store, tmp_path: Path) -> None:
    root = tmp_path / "mine"
    graph = sampling(simple(), seed=5)
    graph["6"]["inputs"]["text"], graph["7"]["inputs"]["text"] = "a lake", "blurry"
    write(
        root,
        a_png=drawn(1),
        b_jpg=jpeg(tiff(exif=[unicode_comment(infotext("a lake", 2))]), scene(2)),
        c_png=png(text("prompt", json.dumps(graph)), image=scene(3)),
        d_webp=webp(tiff(exif=[unicode_comment(infotext("a hill", 4))]), scene(4)),
        e_png=drawn(5, negative="ugly"),
        f_png=drawn(6, "a hill"),
    )
    report = take(store, root)
    assert report.added == AddedImages(candidates=6, pairs=3)
    assert report.tools == {"A1111/Forge": 5, "ComfyUI": 1}
    assert report.sentence() == (
        "6 of 6 images imported (A1111/Forge 5, ComfyUI 1); 3 new pairs of 3 prompts to vote on."
    )
    pairs = store.pairs.open(purpose="train")
    assert {frozenset((pair.left.made_with.seed, pair.right.made_with.seed)) for pair in pairs} == {  # pyright: ignore
        frozenset((1, 2)),
        frozenset((2, 5)),
        frozenset((4, 6)),
    }
    for pair in pairs:
        assert (pair.left.prompt, pair.left.negative) == (pair.right.prompt, pair.right.negative)
    made = {one.made_with.model for one in store.candidates.newest() if one.made_with}
    assert made == {"dream", "v1-5-pruned-emaonly"}
    assert all(one.recipe is None for one in store.candidates.newest())
    vote_on(store, pairs[0])
    assert store.counts().votes == 1


def test_the_same_import_again_adds_nothing_and_a_grown_folder_continues(store: Store, tmp_path: Path) -> None:
    root = write(tmp_path / "mine", a_png=drawn(1), b_png=drawn(2))
    assert take(store, root).added == AddedImages(candidates=2, pairs=1)
    before = store.counts()
    again = take(store, root)
    assert (again.added, again.known, again.troubles) == (AddedImages(), 2, [])
    assert "2 already imported" in again.sentence()
    assert store.counts() == before
    write(root, c_png=drawn(3))
    assert take(store, root).added == AddedImages(candidates=1, pairs=1)


def test_images_that_come_one_by_one_are_paired_too(store: Store, tmp_path: Path) -> None:
    write(tmp_path, a_png=drawn(1), b_png=drawn(2), c_png=drawn(3))
    added = [import_images(store, [tmp_path / name]).added.pairs for name in ("a.png", "b.png", "c.png")]
    assert added == [0, 1, 1]


def test_generated_candidates_and_imported_pairs_are_not_mixed_in(store: Store, tmp_path: Path) -> None:
    add(store, 7)
    assert take(store, write(tmp_path / "mine", a_png=drawn(1, negative=""))).added.pairs == 0


def copies(image: Image.Image) -> dict[str, Image.Image]:
    """Nearly the same picture, as people have it lying about."""
    width, height = image.size
    return {
        "larger": image.resize((2 * width, 2 * height), Image.Resampling.LANCZOS),
        "smaller": image.resize((width // 2, height // 2), Image.Resampling.LANCZOS),
        "cropped": image.crop((1, 1, width - 1, height - 1)),
        "brighter": ImageEnhance.Brightness(image).enhance(1.02),
    }


def test_near_duplicates_are_reported_and_never_paired(store: Store, tmp_path: Path) -> None:
    root = tmp_path / "mine"
    original = scene(1, (192, 128))
    said = text("parameters", infotext("a lake", 1))
    write(root, a_png=png(said, image=original), z_png=drawn(2))
    write(root, b_jpg=jpeg(tiff(exif=[unicode_comment(infotext("a lake", 1))]), original))
    for name, image in copies(original).items():
        write(root, **{f"{name}_png": png(said, image=image)})
    report = take(store, root)
    assert report.added == AddedImages(candidates=2, pairs=1)
    assert report.left_out == {"near-duplicates of another image with the same prompt": 5}
    assert {trouble.reason for trouble in report.troubles} == {"is a near-duplicate of a.png"}
    later = write(tmp_path / "later", y_png=png(said, image=copies(original)["larger"]))
    assert take(store, later).troubles[0].reason == "is a near-duplicate of one imported earlier"


def test_looks_tell_copies_from_other_pictures() -> None:
    looks = [look_of(scene(seed)) for seed in range(60)]
    assert not any(nearly_same(a, b) for i, a in enumerate(looks) for b in looks[:i])
    for seed in range(10):
        for name, image in copies(scene(seed)).items():
            assert nearly_same(looks[seed], look_of(image)), name
    assert not nearly_same(look_of(scene(0)), look_of(ImageEnhance.Color(scene(0)).enhance(0))), "grey is a choice"
    plain = [look_of(Image.new("RGB", (8, 8), colour)) for colour in ("red", "blue", "white")]
    assert not nearly_same(plain[0], plain[1])
    assert not nearly_same(plain[0], plain[2])
    noisy = Image.effect_noise((64, 64), 4).convert("RGB")
    assert nearly_same(look_of(noisy), look_of(Image.new("RGB", (64, 64), (128, 128, 128)))), "noise isn't structure"


def test_looks_tell_line_drawings_apart() -> None:
    """Nearly all of them is white."""

    def drawing(seed: int) -> Image.Image:
        image, chance = Image.new("RGB", (256, 256), "white"), random.Random(seed)
        for _ in range(5):
            box = [chance.randrange(30, 110), chance.randrange(30, 110), chance.randrange(130, 220), 220]
            ImageDraw.Draw(image).arc(box, chance.randrange(180), chance.randrange(180, 360), "black", 2)
        return image

    looks = [look_of(drawing(seed)) for seed in range(30)]
    assert not any(nearly_same(a, b) for i, a in enumerate(looks) for b in looks[:i])
    for seed in range(10):
        for name, image in copies(drawing(seed)).items():
            assert nearly_same(looks[seed], look_of(image)), name


def test_what_is_left_out_is_counted_and_named(store: Store, tmp_path: Path) -> None:
    root = tmp_path / "mine"
    write(
        root,
        good_png=drawn(1),
        plain_png=png(image=scene(2)),
        seed_png=png(text("parameters", "Steps: 20, Sampler: Euler, Seed: 1"), image=scene(3)),
        cut_png=drawn(4)[:100],
        text_png=b"no image at all",
        long_png=png(packed("parameters", infotext("a" * 70_000, 5)), image=scene(5)),
    )
    (root / "grid-0001.png").write_bytes(drawn(6))
    (root / ".hidden.png").write_bytes(drawn(7))
    (root / "notes.txt").write_text("no image", encoding="utf-8")
    (root / "new.avif").write_bytes(b"whatever it holds")
    report = take(store, root)
    assert report.found == 8
    assert report.added == AddedImages(candidates=1)
    assert report.left_out == {
        "can't be read": 3,
        "without a prompt": 2,
        "grids of several images": 1,
        "with too long a prompt": 1,
    }
    told = dict(report.troubles)
    assert "has no prompt in its metadata" in told["plain.png"]
    assert told["new.avif"] == "has an unsupported format; save it as PNG, JPEG or WebP"
    assert "has A1111/Forge metadata, but no prompt" in told["seed.png"]
    assert "Skipped: 3 can't be read, 2 without a prompt" in report.sentence()
    assert "1 of 8 images imported (A1111/Forge 1); 0 new pairs of 1 prompt" in report.sentence()


def test_a_text_file_or_one_prompt_for_all_gives_the_prompt(store: Store, tmp_path: Path) -> None:
    root = write(
        tmp_path / "mine",
        a_png=png(image=scene(1)),
        a_txt=b"a lake\n",
        b_png=png(image=scene(2)),
        b_txt=infotext("a lake", 8, "").replace("Negative prompt: \n", "").encode(),
        c_png=png(image=scene(3)),
    )
    report = take(store, root, prompt="a lake")
    assert report.tools == {"a .txt file": 1, "A1111/Forge": 1, "no metadata": 1}
    assert report.added == AddedImages(candidates=3, pairs=2)
    seeds = [one.made_with and one.made_with.seed for one in store.candidates.newest()]
    assert seeds == [None, 8, None]


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_no_link_leads_out_of_the_folder(store: Store, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("a secret", encoding="utf-8")
    (tmp_path / "secret.png").write_bytes(drawn(9))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.png").write_bytes(drawn(8))
    root = write(tmp_path / "mine", a_png=png(image=scene(1)), b_png=drawn(2))
    (root / "a.txt").symlink_to(tmp_path / "secret.txt")
    (root / "c.png").symlink_to(tmp_path / "secret.png")
    (root / "d.png").symlink_to(root / "d.png")
    (root / "e").symlink_to(tmp_path / "elsewhere")
    (root / "f.png").symlink_to(root / "b.png")
    report = take(store, root)
    assert report.added.candidates == 1
    told = dict(report.troubles)
    assert told["c.png"] == told["d.png"] == "points outside the folder; copy the image into it"
    assert "has no prompt in its metadata" in told["a.png"]
    assert "near-duplicate of b.png" in told["f.png"]


def test_a_folder_without_permission_is_reported(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write(tmp_path / "mine", a_png=drawn(1))
    (root / "closed").mkdir()
    look_into = os.scandir

    def refuse(place: str) -> object:  # as the system does, whoever runs the tests
        if Path(place).name == "closed":
            raise PermissionError(13, "Permission denied", place)
        return look_into(place)

    monkeypatch.setattr(os, "scandir", refuse)
    report = take(store, root)
    assert report.added.candidates == 1
    assert report.troubles == [("closed", "can't be opened (Permission denied); check its permissions")]


def test_colour_modes_and_hidden_texts(store: Store, tmp_path: Path) -> None:
    root = tmp_path / "mine"
    says = text("parameters", infotext("a lake", 1))
    write(
        root,
        grey_png=png(says, image=scene(1).convert("L")),
        deep_png=png(says, image=Image.new("I;16", (64, 64), 40_000)),
        palette_png=png(says, image=scene(2).convert("P")),
        hidden_png=hidden(infotext("a lake", 3), scene(3, (128, 128))),
        cmyk_jpg=jpeg(tiff(exif=[unicode_comment(infotext("a lake", 4))]), scene(4).convert("CMYK")),
    )
    report = take(store, root)
    assert report.troubles == []
    assert report.added == AddedImages(candidates=5, pairs=4)


def test_an_animation_gives_its_first_frame(store: Store, tmp_path: Path) -> None:
    root = write(tmp_path / "mine", a_png=drawn(1))
    frames = [scene(2), scene(3)]
    frames[0].save(root / "b.webp", save_all=True, append_images=frames[1:], lossless=True)
    assert take(store, root, prompt="a lake").added.candidates == 2


def test_an_interrupted_import_continues(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "mine"
    for seed in range(8):
        write(root, **{f"{seed}_png": drawn(seed)})
    monkeypatch.setattr("sdpo_core.exchange.images._IMAGES_PER_TRANSACTION", 3)

    def stop(done: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_images(store, open_folder(root).all_images(), on_image=stop)
    assert store.counts().candidates == 3
    report = take(store, root)
    assert (report.known, report.added) == (3, AddedImages(candidates=5, pairs=5))
    assert store.counts().pairs == 7


def test_a_large_folder_of_one_prompt_is_quick(store: Store, tmp_path: Path) -> None:
    """Each image is compared with all before it: that must not be what takes the time."""
    looks = [look_of(scene(seed)) for seed in range(50)] * 20
    started = perf_counter()
    for i in range(200):
        assert sum(nearly_same(looks[i % 50], look) for look in looks) == 20
    assert perf_counter() - started < 5
