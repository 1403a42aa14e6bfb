"""`python -m app`: start the studio and open it in the browser."""

import argparse
import contextlib
import inspect
import os
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from app.desk.lock import StudioLock
from app.server.security import LOOPBACK_HOSTS
from app.server.text import say as server_say
from app.text import say
from app.ui.words import NAME
from sdpo_core.collector import gc_paused
from sdpo_core.errors import SdpoError
from sdpo_core.paths import repository_root

FIRST_PORT, LAST_PORT = 7860, 7899
_CARE_EVERY_S = 600.0


class StartError(SdpoError):
    """The studio can't start as asked."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the studio until Ctrl-C; returns the exit code: 0 closed, 1 the workspace can't be used, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    here = options.host if options.host in LOOPBACK_HOSTS else LOOPBACK_HOSTS[0]
    try:
        port = _choose_port(here, options.port)
        if options.host != here:
            _check_network(options.host, port)
        url = f"http://{f'[{here}]' if ':' in here else here}:{port}/"
        workspace: Path = options.workspace.expanduser().resolve()
        lock = StudioLock.acquire(workspace, url)
    except SdpoError as error:
        print(f"{NAME}: {error}", file=sys.stderr)
        return 2
    try:
        _serve(workspace, here, port, url, options.host, open_browser=options.browser)
    except SdpoError as error:
        print(f"{NAME}: {error}", file=sys.stderr)
        return 1
    finally:
        lock.release()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app", description=say("cliAbout"))
    workspace = Path(os.environ.get("SDPO_WORKSPACE") or repository_root() / "workspace")
    parser.add_argument("--host", default="127.0.0.1", help=say("cliHost"))
    parser.add_argument("--port", type=int, default=None, help=say("cliPort"))
    parser.add_argument("--workspace", type=Path, default=workspace, help=say("cliWorkspace"))
    parser.add_argument("--no-browser", dest="browser", action="store_false", help=say("cliNoBrowser"))
    return parser


def _serve(workspace: Path, here: str, port: int, url: str, host: str, *, open_browser: bool) -> None:
    """Answer at `here`, an address of this machine alone, and at `host` in the network when that is another one."""
    _prepare_environment(workspace)
    # Gradio is imported here, after the environment is set and after everything that can be refused was.
    with gc_paused(), _no_interface_files():
        from app.desk.inbox import watch
        from app.disk.service import keep_copies
        from app.main import build, launch_options
        from app.server.lan import Lan
        from app.studio import Studio

    studio, lan, closing = Studio(workspace), Lan(port), threading.Event()
    watcher = threading.Thread(target=watch, args=(studio.desk, _tell, closing), daemon=True)
    demo = build(studio, lan)
    try:
        demo.launch(server_name=here, server_port=port, prevent_thread_lock=True, **launch_options(studio, lan))
        print(say("runningAt", url=url, workspace=workspace), flush=True)
        watcher.start()
        if host != here:
            door = lan.open(host)
            print(server_say("onTheNetwork", url=door.url, password=door.password), flush=True)
        if open_browser:
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        studio.desk.queue.watch(_tell)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # asked to end is as good as Ctrl-C
        while not threading.Event().wait(_CARE_EVERY_S):
            keep_copies(studio.desk, _tell)
    except KeyboardInterrupt:
        running = studio.desk.jobs.current()
        print(f"\n{say('closedWhileRunning') if running else say('closed')}", flush=True)
    finally:
        closing.set()
        demo.close(verbose=False)
        if watcher.is_alive():
            watcher.join()
        studio.close()


def _tell(sentence: str) -> None:
    print(f"{NAME}: {sentence}", file=sys.stderr, flush=True)


def _prepare_environment(workspace: Path) -> None:
    """What Gradio reads when it is imported. Behind a proxy it would ask the proxy for its own page, and give up."""
    for name in ("NO_PROXY", "no_proxy"):
        known = [host for host in os.environ.get(name, "").split(",") if host]
        os.environ[name] = ",".join(dict.fromkeys([*known, *LOOPBACK_HOSTS]))
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(workspace / "cache")


@contextlib.contextmanager
def _no_interface_files() -> Iterator[None]:
    """Import Gradio without letting it read each component's source to write a .pyi file next to it.

    That takes nearly half of the import, and fails where packages are read-only. Gradio leaves a component out when it
    can't find the file it came from, so only for Gradio's question no file is found.
    """
    find = inspect.getfile

    def getfile(thing: Any) -> str:
        if sys._getframe(1).f_globals.get("__name__") == "gradio.component_meta":  # pyright: ignore[reportPrivateUsage]
            raise OSError
        return find(thing)

    inspect.getfile = getfile
    try:
        yield
    finally:
        inspect.getfile = find


def _choose_port(host: str, wanted: int | None) -> int:
    """The wanted port if it is free, or the first free one; raises `StartError`."""
    if wanted is not None:
        if not 0 < wanted < 2**16 or not _is_free(host, wanted):
            raise StartError(say("portInUse", port=wanted))
        return wanted
    for port in range(FIRST_PORT, LAST_PORT + 1):
        if _is_free(host, port):
            return port
    raise StartError(say("noFreePort", first=FIRST_PORT, last=LAST_PORT))


def _check_network(host: str, port: int) -> None:
    from app.server.lan import check_address  # loads the web server, which most starts that fail can do without

    check_address(host, port)


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        if os.name != "nt":  # there the option means something else: take a port that another program has
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
