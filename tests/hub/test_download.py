"""Fetching a model: the real huggingface_hub against a real server on this machine, with a tiny real model."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from sdpo_core.checkpoints.hub_cache import HubId, parse_hub_id, repository_folder
from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.cli.main import main
from sdpo_core.errors import ConfigError, DiskError, DownloadError, ModelError, ModelNotHere, SdpoError
from sdpo_core.hub.fetch import download
from sdpo_core.hub.plan import plan_download, readable_size
from sdpo_core.runs.folder import list_runs
from tests.hub_server import COMMIT, HubServer, serving
from tests.original_layout import essentials
from tests.tiny_model import build_tiny_pipeline, build_tiny_sdxl

LAKES, SEAS = "someone/lakes", "someone/seas"


@pytest.fixture
def hub(pristine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    shutil.copytree(pristine, tmp_path / "hub")
    with serving(tmp_path / "hub") as server:
        server.use(monkeypatch, tmp_path / "cache")
        monkeypatch.setattr("sdpo_core.hub.fetch._PAUSE_S", 0.01)
        monkeypatch.setenv("SDPO_CACHE", str(tmp_path / "own"))
        yield server


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two repositories, with what such repositories hold besides."""
    root = tmp_path_factory.mktemp("hub")
    build_tiny_pipeline(root / LAKES)
    build_tiny_sdxl(root / SEAS)
    for path in [*(root / LAKES).rglob("*.safetensors")]:
        stem, (_, name) = path.name.removesuffix(".safetensors"), (path, path)
        halves = {key: value.half() for key, value in load_file(name).items()}
        save_file(halves, path.with_name(f"{stem}.fp16.safetensors"))
    (root / LAKES / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"PK" + bytes(50_000))
    (root / LAKES / "README.md").write_text("Lakes.\n")
    return root


def fetch(source: str) -> list[int]:
    heard: list[int] = []
    download(plan_download(source), heard.append)
    return heard


# --- what a hub id is ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "meant"),
    [
        ("someone/lakes", HubId("someone/lakes")),
        ("a/b/c.safetensors", HubId("a/b", "c.safetensors")),
        ("a/b/deep in/c (2).safetensors", HubId("a/b", "deep in/c (2).safetensors")),
        *(
            (no, None)
            for no in ("lakes", "/a/b", "a/b/", "a/b/c", "a/b/../c.safetensors", "a/../b", "a--b/c", "a/b//c")
        ),
        *((no, None) for no in ("", "a/x.safetensors", "a/b/c\\d.safetensors", "C:\\a\\b.safetensors", "~/a/b")),
    ],
)
def test_hub_ids_are_distinguished_from_other_names(source: str, meant: HubId | None) -> None:
    assert parse_hub_id(source) == meant
    assert meant is None or str(meant) == source


# --- the plan --------------------------------------------------------------------------------------------------------


def test_a_plan_takes_what_is_needed_and_no_more(hub: HubServer, tmp_path: Path) -> None:
    plan = plan_download(LAKES)
    paths = [file.path for file in plan.files]
    assert paths[-1] == "model_index.json"
    weights = [path for path in paths if path.endswith(".safetensors")]
    assert sorted(weights) == [
        "text_encoder/model.fp16.safetensors",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/diffusion_pytorch_model.fp16.safetensors",
    ]
    assert {"tokenizer/tokenizer.json", "scheduler/scheduler_config.json", "unet/config.json"} < set(paths)
    assert not [path for path in paths if path.endswith((".bin", ".md"))]
    assert plan.total == sum((hub.root / LAKES / path).stat().st_size for path in paths)
    assert (plan.present, plan.missing, plan.fits) == (0, plan.total, True)
    assert f"{readable_size(plan.total)} from 127.0.0.1" in plan.sentence
    assert f"into {tmp_path / 'cache'}," in plan.sentence
    assert plan.sentence.endswith("GB free.")
    assert not (tmp_path / "cache").exists()


def test_without_half_precision_the_full_one_is_taken_part_by_part(hub: HubServer) -> None:
    (hub.root / LAKES / "vae" / "diffusion_pytorch_model.fp16.safetensors").unlink()
    assert {file.path for file in plan_download(LAKES).files} > {
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    }


def test_shards_and_their_index_belong_together(hub: HubServer) -> None:
    unet = hub.root / SEAS / "unet"
    (unet / "diffusion_pytorch_model.safetensors").rename(unet / "diffusion_pytorch_model-00001-of-00002.safetensors")
    for name in ("-00002-of-00002.safetensors", ".safetensors.index.json", ".non_ema.safetensors"):
        (unet / f"diffusion_pytorch_model{name}").write_text("{}")
    chosen = [file.path for file in plan_download(SEAS).files if file.path.startswith("unet/diff")]
    assert sorted(chosen) == [
        "unet/diffusion_pytorch_model-00001-of-00002.safetensors",
        "unet/diffusion_pytorch_model-00002-of-00002.safetensors",
        "unet/diffusion_pytorch_model.safetensors.index.json",
    ]


def test_what_the_cache_holds_in_full_precision_is_not_fetched_in_half(hub: HubServer) -> None:
    for path in (hub.root / LAKES).rglob("*.fp16.safetensors"):
        path.rename(hub.root / path.name)
    fetch(LAKES)
    for path in hub.root.glob("*.fp16.safetensors"):
        part = "text_encoder" if path.name.startswith("model") else "unet"
        shutil.copy(path, hub.root / LAKES / part / path.name)
    plan = plan_download(LAKES)
    assert plan.missing == 0
    assert "fp16" not in str(plan.files)
    assert plan.sentence.startswith("All ")


def test_sizes_are_readable() -> None:
    assert [readable_size(count) for count in (40_000, 12_345_678, 4_265_146_304)] == ["0.0 MB", "12 MB", "4.3 GB"]


# --- fetching --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [LAKES, SEAS])
def test_a_fetched_model_is_the_one_that_was_offered(hub: HubServer, name: str) -> None:
    with pytest.raises(ModelNotHere, match=f"python launch.py download {name}"):
        inspect_model(name)
    heard = fetch(name)
    assert heard == sorted(heard)
    assert heard[-1] == plan_download(name).total
    info = inspect_model(name)
    for path in (hub.root / name).rglob("*.fp16.safetensors"):
        path.replace(path.with_name(path.name.replace(".fp16", "")))
        (info.path / path.relative_to(hub.root / name)).rename(
            info.path / path.relative_to(hub.root / name).parent / path.name.replace(".fp16", "")
        )
    assert info.path == repository_folder(HubId(name)) / "snapshots" / COMMIT
    assert inspect_model(name).sha256 == inspect_model(str(hub.root / name)).sha256


def test_what_was_fetched_need_not_be_read_again_for_its_hash(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch(LAKES)
    with monkeypatch.context() as patch:
        patch.setattr("sdpo_core.checkpoints.hashing.sha256_file", lambda path: pytest.fail(f"{path} was read"))
        told = inspect_model(LAKES).sha256
    monkeypatch.setenv("SDPO_CACHE", str(hub.root / "elsewhere"))
    assert inspect_model(LAKES).sha256 == told


def test_huggingface_hub_itself_finds_what_was_fetched(hub: HubServer) -> None:
    from huggingface_hub import scan_cache_dir, try_to_load_from_cache

    fetch(LAKES)
    found = try_to_load_from_cache(LAKES, "unet/diffusion_pytorch_model.fp16.safetensors")
    assert isinstance(found, str)
    assert Path(found).read_bytes() == (hub.root / LAKES / "unet/diffusion_pytorch_model.fp16.safetensors").read_bytes()
    (repository,) = scan_cache_dir().repos
    assert repository.repo_id == LAKES
    assert [sorted(revision.refs) for revision in repository.revisions] == [["main"]]


def test_a_stop_keeps_what_arrived_and_the_next_download_continues(hub: HubServer) -> None:
    plan = plan_download(LAKES)

    class Enough(Exception):
        pass

    def stop(count: int) -> None:
        if count > plan.total // 2:
            raise Enough

    hub.break_after, hub.breaks = 20_000, 99
    with pytest.raises(Enough):
        download(plan, stop)
    hub.break_after = None
    with pytest.raises(ModelNotHere):
        inspect_model(LAKES)
    again = plan_download(LAKES)
    assert plan.total // 2 < again.present < plan.total
    assert "already here" in again.sentence
    heard = fetch(LAKES)
    assert heard[0] > again.present
    assert heard[-1] == plan.total
    large = [file for file in plan.files if file.path.endswith(".safetensors")]
    assert all(hub.sent[f"{LAKES}/{file.path}"] < file.size + 2 * 20_000 for file in large)  # nothing came twice
    assert inspect_model(LAKES).family == "sd15"


def test_breaks_of_the_connection_are_gone_over(hub: HubServer) -> None:
    hub.break_after, hub.breaks = 30_000, 4
    fetch(LAKES)
    assert hub.breaks == 0
    assert inspect_model(LAKES)


def test_a_server_without_ranges_works(hub: HubServer) -> None:
    hub.ranges, hub.break_after, hub.breaks = False, 30_000, 2
    fetch(LAKES)
    assert inspect_model(LAKES)


def test_damaged_downloads_are_deleted(hub: HubServer) -> None:
    hub.damage = True
    with pytest.raises(DownloadError, match="is damaged"):
        fetch(LAKES)
    hub.damage = False
    fetch(LAKES)
    assert inspect_model(LAKES)


def test_a_disk_without_links_holds_every_file_once(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("a required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    fetch(LAKES)
    assert not [*(repository_folder(HubId(LAKES)) / "blobs").iterdir()]
    assert inspect_model(LAKES)


def test_a_download_that_runs_is_not_started_twice(hub: HubServer) -> None:
    plan = plan_download(LAKES)

    def second(_: int) -> None:
        with pytest.raises(DownloadError, match="already being downloaded"):
            download(plan, lambda _: None)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(plan, second)


# --- one file --------------------------------------------------------------------------------------------------------


def checkpoint(folder: Path, name: str = "lakes", family: Any = "sd15") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    save_file(essentials(family), folder / f"{name}.safetensors")
    return folder / f"{name}.safetensors"


def test_a_repository_with_one_checkpoint_is_that_file(hub: HubServer) -> None:
    path = checkpoint(hub.root / "someone/file")
    size = path.stat().st_size
    plan = plan_download("someone/file")
    assert [(file.path, file.size) for file in plan.files] == [("lakes.safetensors", size)]
    assert hub.sent["someone/file/lakes.safetensors"] < size / 10  # only its header was read
    fetch("someone/file")
    info = inspect_model("someone/file")
    assert (info.family, info.name) == ("sd15", "lakes")
    assert inspect_model("someone/file/lakes.safetensors").sha256 == info.sha256


def test_one_of_several_checkpoints_is_named(hub: HubServer) -> None:
    for name in ("a", "b"):
        checkpoint(hub.root / "someone/files", name, "sdxl" if name == "a" else "sd15")
    with pytest.raises(ModelError, match=r"holds 2 checkpoints.*: someone/files/a.safetensors, someone/files/b"):
        plan_download("someone/files")
    with pytest.raises(ModelError, match=r"has no file c\.safetensors"):
        plan_download("someone/files/c.safetensors")
    fetch("someone/files/a.safetensors")
    assert inspect_model("someone/files").family == "sdxl"
    with pytest.raises(ModelNotHere):
        inspect_model("someone/files/b.safetensors")
    fetch("someone/files/b.safetensors")
    with pytest.raises(ModelError, match="Name the one you mean"):
        inspect_model("someone/files")


def test_a_diffusers_repository_with_pickles_alone_gives_its_checkpoint(hub: HubServer) -> None:
    for path in (hub.root / LAKES).rglob("*.safetensors"):
        path.rename(path.with_suffix(".bin"))
    with pytest.raises(ModelError, match="has its weights only as pickles"):
        plan_download(LAKES)
    checkpoint(hub.root / LAKES)
    assert [file.path for file in plan_download(LAKES).files] == ["lakes.safetensors"]


# --- what is refused, and how ----------------------------------------------------------------------------------------


def test_other_kinds_of_models_are_refused_before_anything_is_fetched(hub: HubServer) -> None:
    index = hub.root / LAKES / "model_index.json"
    index.write_text(json.dumps({"_class_name": "FluxPipeline"}))
    with pytest.raises(ModelError, match=f"^{LAKES} is a FluxPipeline"):
        plan_download(LAKES)
    (hub.root / "someone/words").mkdir()
    (hub.root / "someone/words/config.json").write_text("{}")
    with pytest.raises(ModelError, match="has no model the studio can load"):
        plan_download("someone/words")
    save_file({"double_blocks.0.weight": torch.zeros(100, 100)}, hub.root / "someone/words/flux.safetensors")
    with pytest.raises(ModelError, match=r"words/flux\.safetensors is a Flux model"):
        plan_download("someone/words")
    (hub.root / "someone/words/flux.safetensors").write_bytes(b"not a model" * 2000)
    with pytest.raises(ModelError, match="isn't a safetensors file"):
        plan_download("someone/words")


def test_a_gated_model_says_what_to_do(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.gated, hub.token = {LAKES}, "hf_mine"
    with pytest.raises(DownloadError, match=rf"is gated: accept its terms at https://.*/{LAKES} and log in with `hf"):
        plan_download(LAKES)
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    with pytest.raises(DownloadError, match="wait until you're given access"):
        plan_download(LAKES)
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    fetch(LAKES)
    assert inspect_model(LAKES)


def test_a_login_stays_with_the_hub(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are on other servers, to which the Hub redirects; they get no token."""
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    with serving(hub.root) as store:
        hub.store = store.url
        store.break_after, store.breaks = 30_000, 2
        fetch(LAKES)
    assert set(hub.tokens) == {"Bearer hf_mine"}
    assert store.tokens
    assert not any(store.tokens)
    assert inspect_model(LAKES)


def test_a_name_that_nobody_knows_and_one_that_can_not_be(hub: HubServer) -> None:
    with pytest.raises(DownloadError, match=r"has no someone/laks, or it's private"):
        plan_download("someone/laks")
    with pytest.raises(ConfigError, match="isn't a Hugging Face id"):
        plan_download("lakes")
    with pytest.raises(DownloadError, match="has no"):
        plan_download(f"someone/{'x' * 100}")


@pytest.mark.parametrize(("status", "words"), [(503, "returned 503.*try again later"), (429, "too many requests")])
def test_a_hub_in_trouble_is_reported(hub: HubServer, status: int, words: str) -> None:
    hub.status = status
    with pytest.raises(DownloadError, match=words):
        plan_download(LAKES)


def test_no_network_is_reported(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(DownloadError, match="turned off by HF_HUB_OFFLINE"):
        plan_download(LAKES)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:9 can't be reached"):
        plan_download(LAKES)


def test_a_login_page_in_between_is_reported(hub: HubServer) -> None:
    shutil.copytree(hub.root / LAKES, hub.root / "someone/else")
    (hub.root / "someone/else/model_index.json").write_text("<html>Welcome to the hotel!</html>")
    with pytest.raises(SdpoError, match="isn't JSON"):
        plan_download("someone/else")


def test_a_full_disk_loses_nothing(
    hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**6, 10**6, 1000))  # pyright: ignore
    assert "not enough" in plan_download(LAKES).sentence
    assert main(["download", LAKES, "--workspace", str(tmp_path / "w")]) == 1
    assert "does not fit" in capsys.readouterr().err
    monkeypatch.undo()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of files")
def test_a_disk_that_fills_up_on_the_way_is_reported(hub: HubServer) -> None:
    import resource

    plan, before = plan_download(LAKES), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(DiskError, match=r"File too large\. Free some space"):
            download(plan, lambda _: None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert 50_000 <= plan_download(LAKES).present < plan.total
    fetch(LAKES)
    assert inspect_model(LAKES)


# --- the command line ------------------------------------------------------------------------------------------------


def sdpo(hub: HubServer, tmp_path: Path, *arguments: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, **hub.environment(tmp_path / "cache"), "SDPO_WORKSPACE": str(tmp_path / "workspace")}
    command = [sys.executable, "-m", "sdpo_core", *arguments]
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_the_verb_plans_and_fetches(hub: HubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = ["--workspace", str(tmp_path / "w")]
    assert main(["download", LAKES, "--plan", "--json", *workspace]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["missing_bytes"] == plan["total_bytes"] == sum(plan["files"].values())
    assert not list_runs(tmp_path / "w" / "runs")
    assert main(["download", LAKES, "--json", *workspace]) == 0
    end = json.loads(capsys.readouterr().out)
    assert (end["state"], end["verb"], end["step"]) == ("done", "download", end["total"])
    assert f"Downloaded {LAKES} (" in end["message"]
    assert main(["download", LAKES, *workspace]) == 0  # and again, with nothing to do
    assert main(["download", *workspace]) == 2
    assert main(["download", "laks", *workspace]) == 2
    assert main(["download", "someone/laks", *workspace]) == 1
    assert "Check the spelling" in capsys.readouterr().err


def test_nothing_is_fetched_by_other_verbs(hub: HubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "--workspace", str(tmp_path), "--model", LAKES, "--prompts", "x"]) == 1
    assert f"python launch.py download {LAKES}" in capsys.readouterr().err
    assert not hub.asked


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no Ctrl-C to one process alone")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_ctrl_c_and_kill_keep_what_has_come(hub: HubServer, tmp_path: Path, number: signal.Signals) -> None:
    hub.slow_s = 0.05
    with sdpo(hub, tmp_path, "download", LAKES, "--json") as child:
        parts = repository_folder(HubId(LAKES)) / "blobs"
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size for path in parts.glob("*.sdpo-unfinished")):
            assert time.monotonic() < deadline, child.poll()
            time.sleep(0.02)
        child.send_signal(number)
        out, _ = child.communicate(timeout=60)
    assert child.returncode == (130 if number == signal.SIGINT else -number)
    if number == signal.SIGINT:
        assert json.loads(out)["state"] == "stopped"
        assert "the next download continues" in json.loads(out)["message"]
    hub.slow_s = 0
    hub.free_to_go.set()
    before = plan_download(LAKES)
    assert before.present > 0
    assert main(["download", LAKES, "--workspace", str(tmp_path / "w")]) == 0
    assert inspect_model(LAKES)
