"""Files that a program names by address instead of uploading them: `https://…`, or one of ours.

Gradio would fetch them too, but of any size, and its errors would not reach the program. Here only
public addresses are asked, each redirect is checked again, and no more is read than an upload may
have. Names are resolved by this system alone. An address of this server's own results is taken from
its folder, so that one tool's result can be the next one's input.
"""

import asyncio
import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import httpx
from safehttpx import AsyncSecureTransport

from semcomp.errors import SemcompError

from .files import in_upload_folder

TIMEOUT = 20.0
"""Seconds the other server may take to send the file."""
MAX_REDIRECTS = 5
LONGEST_SUFFIX = 10
"""Characters, the point counted, of a suffix that a file keeps."""
_OURS = "/gradio_api/file="
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


Save = Callable[[bytes, str, str], str]
"""A file's bytes, stem and suffix -> its path. Raises ValueError, in words, if it is too much."""


class LinkError(SemcompError, ValueError):
    """A file that cannot be had from its address."""

    def __init__(self, position: int, problem: str) -> None:
        """position: of the input that named the address, from 0."""
        super().__init__(problem)
        self.position = position


async def fetch(inputs: list[Any], max_bytes: int, save: Save) -> list[Any]:
    """An event's inputs, with the files that addresses name fetched and put in their place.

    inputs: what a program sends, files as dictionaries with a path. max_bytes: of one file.
    save: keeps a file. Raises LinkError for a file that cannot be had.
    """
    return [await _fetch_one(i, value, max_bytes, save) for i, value in enumerate(inputs)]


def is_public(text: str) -> bool:
    """Whether an IP address belongs to the whole world and leads nowhere else inside another.

    2002::/16 (6to4) leads to whatever IPv4 address stands in it, and so do 64:ff9b::/96 (NAT64) and
    ::ffff:0:0/96 (mapped): of these two that address counts. fec0::/10 was for sites of their own.
    """
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        elif address.ipv4_mapped:
            address = address.ipv4_mapped
        elif address.sixtofour or address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


async def _fetch_one(position: int, value: Any, max_bytes: int, save: Save) -> Any:
    address = value.get("path") if isinstance(value, dict) else None
    if not isinstance(address, str) or not address.startswith(("http://", "https://")):
        return value
    try:
        path = _own_file(address)
        if path is None:
            data = await asyncio.wait_for(_download(address, max_bytes), TIMEOUT)
            name = Path(urlsplit(address).path)
            short = name.suffix[1:].isalnum() and len(name.suffix) <= LONGEST_SUFFIX
            path = save(data, name.stem, name.suffix if short else "")
    except asyncio.TimeoutError as error:
        said = f"it took longer than {TIMEOUT:.0f} seconds"
        raise LinkError(position, _problem(address, said)) from error
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
        said = str(error) or type(error).__name__
        raise LinkError(position, _problem(address, said)) from error
    return {**value, "path": path, "url": None, "orig_name": Path(path).name}


def _problem(address: str, said: str) -> str:
    return f"cannot fetch {address[:200]}: {said[:200]}; upload the file instead"


async def _download(address: str, max_bytes: int) -> bytes:
    """The body behind an address. Raises ValueError, OSError, httpx.HTTPError or InvalidURL."""
    for _ in range(MAX_REDIRECTS + 1):
        transport = AsyncSecureTransport(await _public_address(httpx.URL(address).host))
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


async def _public_address(host: str) -> str:
    """A public address of a host, by this system's resolver. Raises ValueError or OSError."""
    for *_, place in await asyncio.get_running_loop().getaddrinfo(host, None):
        if is_public(str(place[0])):
            return str(place[0])
    raise ValueError(f"{host} is not a public address")


def _own_file(address: str) -> str | None:
    """Path of a result of this server that the address names; None for any other address.

    The host is not looked at: the folder is this server's, and its names cannot be guessed.
    """
    path = unquote(urlsplit(address).path)
    if _OURS not in path:
        return None
    named = in_upload_folder(path.split(_OURS, 1)[1])
    return str(named) if named and named.is_file() else None
