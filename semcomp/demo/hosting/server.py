"""A page made ready to be served: its queue, the check of its files, its tools, and `/health`.

Gradio 6.31 has no public means for what stands in `turns` (which job is next, how one is stopped)
and in `endpoints.Tools` (what a tool is called, what it answers): those build on classes of its
own, so the extra `demo` asks for that one minor version. A newer one is to be tried first.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from semcomp import __version__
from semcomp.errors import WeightsError
from semcomp.weights import load_model

from . import endpoints, files
from .limits import Limits
from .settings import Settings
from .turns import TurnQueue

HEALTH = "/health"


def prepare(page: gr.Blocks, settings: Settings) -> list[Route]:
    """Put everything in place before `page.launch`; returns routes to serve beside the page."""
    endpoints.install_tools()
    page.queue(api_open=False, default_concurrency_limit=8)
    of_visitors = files.Files(page)
    TurnQueue(page, Limits(settings), of_visitors)
    files.guard(page)
    with page:
        files.watch_leaving(page, of_visitors.left)
    return [health_route(page)]


def health_route(page: gr.Blocks, model: str = "small") -> Route:
    """The route that answers with `report` as JSON: 200 if all is well, else 503."""
    started = time.monotonic()

    def answer(request: Request) -> JSONResponse:  # Starlette runs it in a thread
        facts = report(page, lambda: load_model(model, "cpu").model_id.hex())
        facts |= {"seconds_up": round(time.monotonic() - started), "memory_mb": memory()}
        return JSONResponse(facts, 200 if facts["status"] == "ok" else 503)

    return Route(HEALTH, answer, methods=["GET", "HEAD"])


def memory() -> float | None:
    """Megabytes of memory this process has in use now; None where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    resident = next(line for line in lines if line.startswith("VmRSS:"))
    return round(int(resident.split()[1]) * 1024 / 1e6, 1)  # the kernel counts in KiB


def report(page: gr.Blocks, model_id: Callable[[], str]) -> dict[str, Any]:
    """State of the page: `status` (ok, or what is wrong), version, model, jobs waiting and running.

    model_id: gives the identity of the loaded weights, or raises WeightsError.
    """
    queue = page._queue
    facts: dict[str, Any] = {"status": "ok", "version": __version__, "model": None}
    if isinstance(queue, TurnQueue):
        facts |= {"waiting": len(queue.waiting()), "running": len(queue.running())}
    try:
        facts["model"] = model_id()
    except WeightsError as error:
        facts["status"] = f"the model is missing: {error}"
    if queue.stopped:
        facts["status"] = "the queue has stopped: restart the server"
    return facts
