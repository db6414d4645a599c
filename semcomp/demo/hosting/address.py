"""Where a request comes from: the address that turns and limits count for."""

import ipaddress
import os
from typing import Any


def address_of(request: Any) -> str:
    """The network address of a visitor; of IPv6 the half that belongs to one household.

    On a Space, what the hub's proxy has added last to X-Forwarded-For: the rest of that header is
    the visitor's own text, which anybody may invent. Elsewhere the peer's, for which uvicorn heeds
    FORWARDED_ALLOW_IPS. request: Gradio's or Starlette's. Empty where nothing is known.
    """
    peer = getattr(getattr(request, "client", None), "host", None) or ""
    if os.environ.get("SPACE_ID"):
        peer = headers_of(request).get("x-forwarded-for", "").split(",")[-1].strip() or peer
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return str(peer)[:64]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def headers_of(request: Any) -> dict[str, str]:
    """A request's headers by their names in lower case.

    Of several with one name the last counts, which a proxy has added.
    """
    headers = getattr(request, "headers", None) or {}
    return {str(name).lower(): str(value) for name, value in headers.items()}
