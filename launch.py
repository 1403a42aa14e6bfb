#!/usr/bin/env python3
"""Set SDPO Studio up, then start it.

    python launch.py                          the studio, in the browser
    python launch.py --host H --port N --workspace FOLDER --no-browser
    python launch.py setup                    only set up
    python launch.py test [--all]             every check: lint, types, imports, tests (--all: the slow ones too)
    python launch.py test -- ARGS             only pytest, with ARGS
    python launch.py doctor                   what this machine has and what is missing
    python launch.py train | generate | install-comfy | ...   every other word is a verb of the library; see VERB --help

Before the verb, or with setup:
    --torch NAME    which PyTorch build: cu130, cu126, rocm7.2, cpu, default, or the address of a wheel index;
                    the environment variable SDPO_TORCH_INDEX says the same; without both, the GPU decides
    --repair        look at the GPU again and install again

The first start makes the folder .venv next to this file and installs into it; nothing outside this folder changes.
"""

# Only the standard library here, and only syntax that old Pythons read, so that they can say what they miss.
from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))  # under PYTHONSAFEPATH Python leaves our own folder out
import launch_env as env
from launch_env import SetupError, say, version_tuple

PROBE_S = 10.0  # how long an index may take to answer before the default one is used
RETRY_S = 24 * 3600.0  # how often a lost GPU is looked for again

PYTORCH = "https://download.pytorch.org/whl/"
TORCH_INDEXES = {  # PyTorch 2.13 is built for these; "default" is whatever pip itself is set up with
    "cu130": PYTORCH + "cu130",
    "cu126": PYTORCH + "cu126",
    "rocm7.2": PYTORCH + "rocm7.2",
    "cpu": PYTORCH + "cpu",
    "default": "",
}
# NVIDIA: build, oldest driver on Linux and on Windows, oldest and newest compute capability it has code for.
# Sources: PyTorch's RELEASE.md (release 2.13) and NVIDIA's table of minor version compatibility.
CUDA_BUILDS = (
    ("cu130", (580,), (580,), (7, 5), (12, 99)),
    ("cu126", (525, 60, 13), (528, 33), (5, 0), (9, 0)),
)
# AMD: the chips that the ROCm 7.2 wheels have code for.
ROCM_TARGETS = re.compile(r"gfx(900|906|908|90a|942|950|1030|1100|1101|1102|1150|1151|1200|1201)")


class Gpu(NamedTuple):
    """A GPU as the system describes it."""

    vendor: str  # "nvidia", "amd" or "apple"
    name: str
    driver: tuple[int, ...] = ()  # () = no driver answers
    capabilities: tuple[tuple[int, ...], ...] = ()  # NVIDIA compute capabilities, one per card
    targets: tuple[str, ...] = ()  # AMD chip names, one per card


class Plan(NamedTuple):
    """Which PyTorch build to install."""

    variant: str  # a name of TORCH_INDEXES, or the address of an index
    wants_gpu: bool = False  # a card is here that a PyTorch build could use
    obstacle: str = ""  # why that card will not be used


class Options(NamedTuple):
    """The command line."""

    verb: str  # "" = the studio
    rest: list[str]
    torch: str  # "" = the GPU decides
    repair: bool


def find_nvidia() -> Gpu | None:
    """The NVIDIA cards that the driver's own tool lists."""
    tool = shutil.which("nvidia-smi") or "/usr/lib/wsl/lib/nvidia-smi"
    listed = env.ask(tool, "--query-gpu=driver_version,name,compute_cap", "--format=csv,noheader")
    listed = listed or env.ask(tool, "--query-gpu=driver_version,name", "--format=csv,noheader")  # drivers before 2022
    rows = [[cell.strip() for cell in line.split(",")] for line in listed.splitlines() if line.count(",")]
    if not rows:
        return None
    capabilities = tuple(version_tuple(row[2]) for row in rows if len(row) > 2 and version_tuple(row[2]))
    return Gpu("nvidia", rows[0][1], version_tuple(rows[0][0]), capabilities)


def find_linux_card(system_root: Path) -> Gpu | None:
    """An AMD card that its driver lists, else a card on the bus whose driver does not answer."""
    targets: list[str] = []
    for node in sorted(system_root.glob("sys/class/kfd/kfd/topology/nodes/*/properties")):
        found = re.search(r"gfx_target_version (\d+)", env.read_text(node))
        number = int(found.group(1)) if found else 0
        if number:  # 0 = a processor; 90010 = gfx90a
            targets.append(f"gfx{number // 10000}{number // 100 % 100:x}{number % 100:x}")
    amd = Gpu("amd", "AMD " + ", ".join(targets), driver=(1,), targets=tuple(targets)) if targets else None
    if any(ROCM_TARGETS.fullmatch(target) for target in targets):
        return amd
    for device in sorted(system_root.glob("sys/bus/pci/devices/*")):
        if env.read_text(device / "class")[:4] == "0x03" and env.read_text(device / "vendor").strip() == "0x10de":
            return Gpu("nvidia", "an NVIDIA card")
    return amd


def find_gpu(system_root: Path = Path("/")) -> Gpu | None:
    """The GPU PyTorch might use, or None."""
    if sys.platform == "darwin":
        return Gpu("apple", "Apple GPU", driver=(1,))
    found = find_nvidia()
    return found or (find_linux_card(system_root) if sys.platform.startswith("linux") else None)


def plan_torch(gpu: Gpu | None, system: str) -> Plan:
    """Choose the PyTorch build for a card; ``system`` is ``sys.platform``."""
    if system == "darwin":
        return Plan("default", wants_gpu=gpu is not None)
    if gpu is None:
        return Plan("cpu")
    if gpu.vendor == "amd":
        if system.startswith("linux") and any(ROCM_TARGETS.fullmatch(target) for target in gpu.targets):
            return Plan("rocm7.2", wants_gpu=True)
        return Plan("cpu", obstacle=f"PyTorch's ROCm build has no code for {gpu.name}; using the CPU.")
    if not gpu.driver:
        return Plan("cpu", True, f"Found {gpu.name}, but nvidia-smi isn't working. Install NVIDIA's driver.")
    known = gpu.capabilities or (version_tuple("7.5"),)  # drivers before 2022 do not say
    newest, oldest = max(known), min((c for c in known if c >= (5, 0)), default=(0,))
    if newest < (5, 0):
        return Plan("cpu", obstacle=f"{gpu.name} is too old for current PyTorch; using the CPU.")
    for variant, linux_driver, windows_driver, first, last in CUDA_BUILDS:
        driver_ok = gpu.driver >= (windows_driver if system == "win32" else linux_driver)
        # An old card next to a new one decides too, unless the new one needs the newer build.
        if driver_ok and first <= newest <= last and (oldest >= first or newest > CUDA_BUILDS[-1][4]):
            return Plan(variant, wants_gpu=True)
    needed = 580 if newest > CUDA_BUILDS[-1][4] else 525
    had = ".".join(str(number) for number in gpu.driver)
    return Plan("cpu", True, f"{gpu.name} needs NVIDIA driver {needed} or newer; yours is {had}. Update the driver.")


def index_answers(url: str) -> bool:
    """Whether a wheel index serves torch within PROBE_S, name look-up and proxies included."""
    import threading
    import urllib.error
    import urllib.request  # here, because an ordinary start should not wait for its imports

    answers: list[bool] = []

    def probe() -> None:
        try:
            with urllib.request.urlopen(url.rstrip("/") + "/torch/", timeout=PROBE_S) as reply:
                reply.read(1)
            answers.append(True)
        except urllib.error.URLError as error:
            # pip may know a certificate that we don't; it will say so itself if not.
            answers.append("CERTIFICATE_VERIFY_FAILED" in str(error.reason))
        except (OSError, ValueError):
            answers.append(False)

    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(PROBE_S)
    return bool(answers and answers[0])


def is_ready(options: Options) -> bool:
    """Whether the environment fits the requirements; looks at files only, so that a start costs nothing."""
    stamp, found = env.read_json(env.STAMP), env.interpreter()
    if options.repair or not found or stamp.get("python") != found:
        return False
    if stamp.get("requirements") != env.requirements_hash("requirements.txt"):
        return False
    if options.verb == "test" and stamp.get("tests") != env.requirements_hash("requirements-test.txt"):
        return False
    return not options.torch or stamp.get("torch") == options.torch


def gpu_is_due() -> bool:
    """Whether a lost GPU should be looked for again."""
    stamp = env.read_json(env.STAMP)
    return bool(stamp.get("gpu_lost")) and time.time() - float(str(stamp.get("checked_at", 0))) > RETRY_S


def look_for_gpu_again(options: Options, lock: IO[str]) -> None:
    """The daily try to repair a lost GPU; when it fails, what worked so far keeps working."""
    stamp = env.read_json(env.STAMP)
    try:
        set_up(options, lock)
    except SetupError as error:
        say(f"Repairing the GPU build failed: {error}", "33")
        look_at_torch()  # raises if the try has left something broken
        env.write_json(env.STAMP, {**stamp, "checked_at": time.time()})


def install_torch(version: str, plan: Plan, asked: bool, lock: IO[str]) -> None:
    """Install the planned PyTorch build, or the default one where its index does not serve it."""
    present = env.installed("torch")
    for variant in dict.fromkeys((plan.variant, "default")):
        url = TORCH_INDEXES.get(variant, variant)
        requirement = f"torch=={version}+{variant}" if url.startswith(PYTORCH) else f"torch=={version}"
        say(f"Installing PyTorch {version} ({variant}) ...")
        if url and (requirement != f"torch=={present}" or "+" not in requirement) and not index_answers(url):
            say(f"  {url} can't be reached (within {PROBE_S:.0f} s); using pip's default index instead.", "33")
            continue
        # A plain pin is content with any build that is already there; a person or a GPU may not be.
        chosen = asked and variant == plan.variant and bool(url or "+" in present)
        helps_gpu = plan.wants_gpu and present.endswith("+cpu") and sys.platform.startswith("linux")
        force = ["--force-reinstall"] if present and "+" not in requirement and (chosen or helps_gpu) else []
        try:
            env.pip_install("Installing PyTorch", [requirement, *force, *(["--index-url", url] if url else [])], lock)
        except SetupError as error:
            if variant == "default" or "disk is full" in str(error):
                raise
            say(f"  {error}\n  Trying pip's default index instead.", "33")
        else:
            return


def look_at_torch() -> tuple[str, bool]:
    """The installed build and whether it can use a GPU, asked of PyTorch itself."""
    code = (
        "import json, torch; mps = getattr(torch.backends, 'mps', None);"
        "print(json.dumps([torch.__version__, torch.cuda.is_available() or bool(mps and mps.is_available())]))"
    )
    command = [str(env.PYTHON), "-I", "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        hint = "Install Microsoft's Visual C++ redistributable (x64). " if sys.platform == "win32" else ""
        raise SetupError(f"PyTorch was installed but doesn't start. {hint}Its last output:\n{done.stderr[-1500:]}")
    version, sees_gpu = json.loads(done.stdout.splitlines()[-1])
    return (str(version).partition("+")[2] or "default"), bool(sees_gpu)


def set_up(options: Options, lock: IO[str]) -> None:
    """Bring .venv to what the requirements say; the stamp is written last."""
    started = time.monotonic()
    earlier = env.read_json(env.STAMP)
    env.STAMP.unlink(missing_ok=True)
    env.make_venv(lock)
    # A build that was asked for once stays, until another one or --repair is asked for.
    asked = options.torch or ("" if options.repair else str(earlier.get("asked", "")))
    gpu = find_gpu()
    plan = Plan(asked, gpu is not None and asked != "cpu") if asked else plan_torch(gpu, sys.platform)
    warn_about_space(plan)
    requirements = (env.ROOT / "requirements.txt").read_text(encoding="utf-8")
    pinned = re.search(r"^torch==([\w.]+)", requirements, re.MULTILINE)
    installed, sees_gpu = "none", False
    if pinned:
        install_torch(pinned.group(1), plan, asked != earlier.get("asked", ""), lock)
        installed, sees_gpu = look_at_torch()
    say("Installing the other packages ...")
    env.pip_install("Installing the requirements", ["-r", "requirements.txt"], lock)
    if with_tests := options.verb == "test" or bool(earlier.get("tests")):
        env.pip_install("Installing the test requirements", ["-r", "requirements-test.txt"], lock)
    gpu_lost = bool(pinned) and plan.wants_gpu and not sees_gpu
    message = plan.obstacle
    if gpu_lost and gpu:
        reason = f"Found {gpu.name}, but PyTorch's {installed} build can't use it; it needs {plan.variant}."
        message = f"{message or reason} Everything runs on the CPU, slowly. `launch.py --repair` tries again."
    seconds = round(time.monotonic() - started, 1)
    record: dict[str, object] = {
        "torch_variant_wanted": plan.variant,
        "torch_variant_installed": installed,
        "gpu_found": gpu.name if gpu else None,
        "gpu_lost": gpu_lost,
        "message": message,
        "installed_at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "seconds": seconds,
    }
    env.write_json(env.RECORD, record)
    stamp: dict[str, object] = {
        "requirements": env.requirements_hash("requirements.txt"),
        "tests": env.requirements_hash("requirements-test.txt") if with_tests else None,
        "python": env.interpreter(),
        "torch": plan.variant,
        "asked": asked,
        "gpu_lost": gpu_lost,
        "checked_at": time.time(),
    }
    env.write_json(env.STAMP, stamp)
    say(f"Set up in {seconds:.0f} s. PyTorch build: {installed}.", "32")
    if message and not gpu_lost:
        say(message, "33")


def warn_about_space(plan: Plan) -> None:
    """Say beforehand when the disk is likely to fill up."""
    needed_gb = 4 if plan.variant == "cpu" or sys.platform == "darwin" else 14
    free_gb = shutil.disk_usage(str(env.ROOT)).free / 1e9
    if free_gb < needed_gb:
        say(f"Setup needs up to {needed_gb} GB of free space; this disk has {free_gb:.1f} GB.", "33")


def warn_about_gpu() -> None:
    """Repeat at every start that the GPU is not used, until it is."""
    record = env.read_json(env.RECORD)
    if record.get("gpu_lost"):
        say(f"!! The GPU isn't being used. {record.get('message')}", "1;31")
        say("!! Then `python launch.py --repair` installs the right build. launch.py also retries once a day.", "1;31")


def read_arguments(argv: list[str]) -> Options:
    """Take out our own flags; a verb's arguments are passed on as they are."""
    queue, verb, torch, repair = list(argv), "", os.environ.get("SDPO_TORCH_INDEX", ""), False
    rest: list[str] = []
    while queue:
        word = queue.pop(0)
        if word in ("-h", "--help"):
            return Options("help", [], "", False)
        if word == "--repair":
            repair = True
        elif word.partition("=")[0] == "--torch":
            torch = word.partition("=")[2] or (queue.pop(0) if queue else "?")
        elif word.startswith("-") or rest or verb:
            rest.append(word)
        elif word == "setup":
            verb = word
        else:
            return Options(word, queue, check_variant(torch), repair)
    if verb == "setup" and rest:
        raise SetupError(f"setup takes only --torch and --repair, but got: {' '.join(rest)}.")
    return Options(verb, rest, check_variant(torch), repair)


def check_variant(torch: str) -> str:
    """Refuse a PyTorch build that is neither in the table nor an address."""
    if torch and torch not in TORCH_INDEXES and "://" not in torch:
        raise SetupError(f"--torch takes {', '.join(TORCH_INDEXES)} or the address of a wheel index; got {torch!r}.")
    return torch


def hand_over(arguments: list[str], safe_path: bool = True) -> int:
    """Become .venv's Python; where that is impossible (Windows), wait for it and give its exit code back."""
    environment = env.child_environment()
    if safe_path:
        environment["PYTHONSAFEPATH"] = "1"  # a folder called app/ where the person happens to stand is not ours
    command = [str(env.PYTHON), *arguments]
    sys.stdout.flush()
    if sys.platform != "win32":
        os.execve(command[0], command, environment)
    child = subprocess.Popen(command, env=environment)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue  # the child got it too and is ending in its own way


def main(argv: list[str]) -> int:
    """Set up if needed, then hand over to the studio, the library or the checks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an old console must not fail on a letter it lacks
    try:
        options = read_arguments(argv)
        if options.verb == "help":
            print((__doc__ or "").strip())
            return 0
        env.check_python()
        if not is_ready(options):
            with env.set_up_alone() as lock:
                if not is_ready(options):  # another launch.py may have done it while we waited
                    say(f"Setting up SDPO Studio in {env.VENV}\n  (details: {env.LOG})")
                    set_up(options, lock)
        elif gpu_is_due():
            with env.set_up_alone() as lock:
                if gpu_is_due():
                    say("Checking for the GPU again (once a day).")
                    look_for_gpu_again(options, lock)
    except SetupError as error:
        say(f"\nSetup failed. {error}", "31")
        return 1
    except OSError as error:
        say(f"\nSetup failed. {error}. Check the free space and that you can write to {env.ROOT}.", "31")
        return 1
    except KeyboardInterrupt:
        say("\nStopped. Nothing is broken: the next start continues from here.")
        return 130
    warn_about_gpu()
    if options.verb == "setup":
        return 0
    if options.verb == "test":
        return hand_over([str(env.ROOT / "tests" / "checks.py"), *options.rest], safe_path=False)
    if options.verb:
        return hand_over(["-m", "sdpo_core", options.verb, *options.rest])
    return hand_over(["-m", "app", *options.rest])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
