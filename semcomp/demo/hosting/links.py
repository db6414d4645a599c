"""Files that a program names by address instead of uploading them: `https://…`, or one of ours.

Gradio would fetch them too, but of any size, and its errors would not reach the program. Here only
public addresses are asked, each redirect is checked again, and no more is read than an upload may
have. An address of this server's own results is taken from its folder, so that one tool's result
can be the next one's input.
"""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import httpx
import safehttpx

from semcomp.demo.shared import downloads
from semcomp.errors import SemcompError

from .uploads import kept

TIMEOUT = 20.0
"""Seconds the other server may take to send the file."""
MAX_REDIRECTS = 5
_OURS = "/gradio_api/file="


class LinkError(SemcompError, ValueError):
    """A file that cannot be had from its address."""

    def __init__(self, position: int, problem: str) -> None:
        """position: of the input that named the address, from 0."""
        super().__init__(problem)
        self.position = position


async def fetch(inputs: list[Any], max_bytes: int) -> list[Any]:
    """An event's inputs, with the files that addresses name fetched and put in their place.

    inputs: what a program sends, files as dictionaries with a path. max_bytes: of one file.
    Raises LinkError for a file that cannot be had.
    """
    return [await _fetch_one(i, value, max_bytes) for i, value in enumerate(inputs)]


async def _fetch_one(position: int, value: Any, max_bytes: int) -> Any:
    address = value.get("path") if isinstance(value, dict) else None
    if not isinstance(address, str) or not address.startswith(("http://", "https://")):
        return value
    path = _own_file(address)
    if path is None:
        try:
            data = await asyncio.wait_for(_download(address, max_bytes), TIMEOUT)
        except asyncio.TimeoutError as error:
            said = f"it took longer than {TIMEOUT:.0f} seconds"
            raise LinkError(position, _problem(address, said)) from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
            said = str(error) or type(error).__name__
            raise LinkError(position, _problem(address, said)) from error
        name = Path(urlsplit(address).path)
        suffix = name.suffix if name.suffix[1:].isalnum() else ""
        path = downloads.save(data, name.stem, suffix)
    return {**value, "path": path, "url": None, "orig_name": Path(path).name}


def _problem(address: str, said: str) -> str:
    return f"cannot fetch {address[:200]}: {said}; upload the file instead"


async def _download(address: str, max_bytes: int) -> bytes:
    """The body behind an address. Raises ValueError or httpx.HTTPError."""
    for _ in range(MAX_REDIRECTS + 1):
        host = httpx.URL(address).host
        transport = safehttpx.AsyncSecureTransport(await safehttpx.async_validate_url(host))
        async with (
            httpx.AsyncClient(transport=transport) as client,
            client.stream("GET", address) as response,
        ):
            if response.has_redirect_location:
                address = urljoin(address, response.headers["location"])
                continue
            response.raise_for_status()
            data = bytearray()
            async for part in response.aiter_bytes():
                data += part
                if len(data) > max_bytes:
                    raise ValueError(f"it is larger than the {max_bytes:,} bytes allowed")
            return bytes(data)
    raise ValueError("it redirects too often")


def _own_file(address: str) -> str | None:
    """Path of a result of this server that the address names; None for any other address.

    The host is not looked at: the folder is this server's, and its names cannot be guessed.
    """
    path = unquote(urlsplit(address).path)
    if _OURS not in path:
        return None
    named = kept(path.split(_OURS, 1)[1])
    return str(named) if named and named.is_file() else None
