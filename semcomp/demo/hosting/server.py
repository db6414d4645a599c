"""A page made ready to be served: its queue, files, tools, `/health`, and headers of its answers.

Gradio 6.31 has no public means for what stands in `turns` (which job is next, how one is stopped)
and in `endpoints.Tools` (what a tool is called, what it answers): those build on classes of its
own, so the extra `demo` asks for that one minor version. A newer one is to be tried first.
"""

import logging
import os
import shutil
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import gradio.routes
from gradio.route_utils import CustomCORSMiddleware
from gradio.utils import get_upload_folder
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from semcomp import __version__
from semcomp.errors import SemcompError, WeightsError
from semcomp.weights import load_model

from . import endpoints, files, memory
from .limits import Limits
from .settings import Settings, SettingsError
from .turns import TurnQueue
from .uploads import Counted, Uploads, start_sweeping

HEALTH = "/health"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # The hub shows a Space in a frame of its own page.
    "Content-Security-Policy": "frame-ancestors 'self' https://huggingface.co",
    "Referrer-Policy": "same-origin",
}
"""What every answer says to browsers: types stand, no strangers' frames, no referrer abroad."""

_LOG = logging.getLogger(__name__)


def ready_machine() -> None:
    """What has to be right of ports, folders and proxies before anything is served.

    Raises SettingsError, with the variable that helps.
    """
    leave_proxies_out()
    check_folder(Path(get_upload_folder()))
    named = os.environ.get("GRADIO_SERVER_PORT")
    if named is not None and not _is_free(named):
        raise SettingsError(
            f"port {named} is taken, or none: choose another with GRADIO_SERVER_PORT"
        )


def leave_proxies_out() -> None:
    """Ask this machine itself without the proxies that the environment names.

    Gradio asks its own address whether it runs, and no proxy can answer that.
    """
    given = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    hosts = [host.strip() for host in given.split(",") if host.strip()]
    if "*" not in hosts:
        hosts = list(dict.fromkeys([*hosts, "localhost", "127.0.0.1", "::1"]))
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(hosts)


def check_folder(folder: Path) -> None:
    """Raise SettingsError unless uploads can be kept in a folder, out of others' reach."""
    remedy = "name a folder of your own with GRADIO_TEMP_DIR"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        of_everybody = folder.parent.stat().st_mode & stat.S_ISVTX  # like /tmp
        owner = folder.lstat().st_uid
    except OSError as error:
        raise SettingsError(f"uploads cannot be kept in {folder} ({error}): {remedy}") from error
    if of_everybody and owner != os.getuid():
        raise SettingsError(f"the folder for uploads, {folder}, is another user's: {remedy}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SettingsError(f"uploads cannot be kept in {folder}: {remedy}")


def _is_free(port: str) -> bool:
    """Whether a text names a port that nobody listens on here; Gradio looks in the same way."""
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", int(port)))
    except (OSError, OverflowError, ValueError):
        return False
    return True


def prepare(
    page: gr.Blocks, settings: Settings, check_board: Callable[[], Any] | None = None
) -> dict[str, Any]:
    """Put everything in place before `page.launch`; returns what is to be its `app_kwargs`.

    check_board: raises SemcompError if the board cannot be used, for `/health`; None for no board.
    """
    memory.bound()
    endpoints.install_tools()
    gradio.routes.CustomCORSMiddleware = Origins  # type: ignore[attr-defined]
    page.queue(api_open=False, default_concurrency_limit=8)
    of_visitors = files.Files(page)
    uploads = Uploads(settings)
    TurnQueue(page, Limits(settings), of_visitors, uploads)
    files.guard(page)
    start_sweeping(60 * settings.keep_minutes, of_visitors.own)

    def leave(request: gr.Request) -> None:
        of_visitors.left(request.session_hash)

    with page:
        page.unload(leave)
    route = health_route(page, settings, check_board)
    counted = Middleware(Counted, uploads=uploads, file_mb=settings.max_file_mb)
    return {"routes": [route], "middleware": [Middleware(Headers), counted]}


class Origins(CustomCORSMiddleware):
    """Gradio's middleware; pages of other origins may read its answers, but send no cookies."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As Gradio's."""
        super().__init__(*args, **kwargs)
        self.simple_headers = {}
        self.preflight_headers.pop("Access-Control-Allow-Credentials")


class Headers:
    """ASGI middleware that adds `HEADERS` to every answer; those it has stay."""

    def __init__(self, app: ASGIApp) -> None:
        """app: what answers."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def health_route(
    page: gr.Blocks, settings: Settings, check_board: Callable[[], Any] | None
) -> Route:
    """The route that answers with `report` as JSON: 200 if all is well, else 503."""
    started = time.monotonic()

    def answer(request: Request) -> JSONResponse:  # Starlette runs it in a thread
        facts = report(page)
        if facts["status"] == "ok":
            facts["status"] = _trouble(settings.max_file_mb, check_board) or "ok"
        facts |= {"seconds_up": round(time.monotonic() - started), "memory_mb": memory.used()}
        return JSONResponse(facts, 200 if facts["status"] == "ok" else 503)

    return Route(HEALTH, answer, methods=["GET", "HEAD"])


def _trouble(file_mb: int, check_board: Callable[[], Any] | None) -> str | None:
    """What is wrong with disk or board, without their places, which the log has; None if nothing.

    file_mb: megabytes that must be free where uploads go: room for the largest one.
    """
    folder = Path(get_upload_folder())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(folder).free < 1_000_000 * file_mb:
            return f"the disk is full: less than {file_mb} MB are free for uploads"
    except OSError as error:
        _LOG.warning("uploads cannot be stored: %s", error)
        return "the folder of uploads cannot be used: see the server's log"
    try:
        if check_board is not None:
            check_board()
    except SemcompError as error:
        _LOG.warning("the board cannot be used: %s", error)
        return "the board's database cannot be used: see the server's log"
    return None


def report(page: gr.Blocks) -> dict[str, Any]:
    """The page: `status` (ok, or what is wrong), version, model, jobs waiting and running."""
    queue = page._queue
    facts: dict[str, Any] = {"status": "ok", "version": __version__, "model": None}
    if isinstance(queue, TurnQueue):
        facts |= {"waiting": len(queue.waiting()), "running": len(queue.running())}
    try:
        facts["model"] = load_model("small", "cpu").model_id.hex()
    except WeightsError as error:
        facts["status"] = f"the model is missing: {error}"
    if isinstance(queue, TurnQueue) and queue.stuck():
        facts["status"] = "a job that was stopped does not end: restart the server"
    if queue.stopped:
        facts["status"] = "the queue has stopped: restart the server"
    return facts
