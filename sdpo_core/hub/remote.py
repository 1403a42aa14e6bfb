"""Single requests to the hub, and what goes wrong with them as a sentence with what to do."""

import contextlib
import math
from collections.abc import Generator, Iterator
from urllib.parse import urlsplit

from sdpo_core.checkpoints.hub_cache import HubId
from sdpo_core.errors import DownloadError

_WHAT_TO_DO = {
    401: "the login was rejected; log in again with `hf auth login`",
    403: "this login has no access; use another with `hf auth login`",
    429: "too many requests; try again in a few minutes",
}


def host() -> str:
    """The hub's name in its address; `HF_ENDPOINT` chooses a mirror."""
    from huggingface_hub import constants

    return urlsplit(constants.ENDPOINT).netloc


def read(hub_id: HubId, commit: str, path: str, most: int) -> bytes:
    """The first `most` bytes of a file, which is kept nowhere."""
    content = b""
    for chunk in stream(hub_id, commit, path, 0, most):
        content += chunk
    return content


def stream(hub_id: HubId, commit: str, path: str, start: int, end: int | None = None) -> Generator[bytes]:
    """The bytes of a file from `start` to `end`."""
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, http_stream_backoff

    ask = {**build_hf_headers(), "Accept-Encoding": "identity"}
    if start or end:
        ask["Range"] = f"bytes={start}-{end - 1 if end else ''}"
    url = hf_hub_url(hub_id.repository, path, revision=commit)
    timeout_s = constants.HF_HUB_DOWNLOAD_TIMEOUT
    with http_stream_backoff(
        "GET", url, headers=ask, timeout=timeout_s, max_retries=2, retry_on_exceptions=()
    ) as response:
        hf_raise_for_status(response)
        skip = start if response.status_code == 200 else 0  # a server that knows no ranges begins at the beginning
        left = math.inf if end is None else end - start
        for chunk in response.iter_bytes():  # as it arrives: pieces of a set size would be lost in a break
            wanted = chunk[skip:]
            skip -= len(chunk) - len(wanted)
            if left <= len(wanted):
                yield wanted[: int(left)]
                return
            left -= len(wanted)
            yield wanted


@contextlib.contextmanager
def told(hub_id: HubId) -> Iterator[None]:
    """Where the hub refuses, answers oddly or not at all, raises `DownloadError` in a sentence with what to do."""
    from huggingface_hub import errors, get_token
    from huggingface_hub.utils import httpx

    name, place = hub_id.repository, host()
    try:
        yield
    except errors.GatedRepoError as error:
        first = f"{name} is gated: accept its terms at https://{place}/{name}"
        then = "and wait until you're given access" if get_token() else "and log in with `hf auth login`"
        raise DownloadError(f"{first} {then}. Then download it again.") from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        login = "with this login" if get_token() else "log in with `hf auth login` if it's private"
        raise DownloadError(f"{place} has no {name}, or it's private. Check the spelling; {login}.") from error
    except errors.DisabledRepoError as error:
        raise DownloadError(f"{place} has closed the repository {name}. Choose another model.") from error
    except errors.OfflineModeIsEnabled as error:
        raise DownloadError(
            "Downloads are turned off by HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE). Unset it and try again."
        ) from error
    except errors.HfHubHTTPError as error:
        code = error.response.status_code
        raise DownloadError(
            f"{place} returned {code} for {name}: {_WHAT_TO_DO.get(code, 'try again later')}. What you have is kept."
        ) from error
    except httpx.HTTPError as error:
        raise DownloadError(
            f"{place} can't be reached ({type(error).__name__}). Check the network and retry; what you have is kept."
        ) from error
    except ValueError as error:
        raise DownloadError(
            f"{place} returned an unexpected response ({error}). The network may want you to log in: open a web page "
            "first, then try again."
        ) from error
