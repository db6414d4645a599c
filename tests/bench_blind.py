"""How long a vote takes while many visitors compare: `python -m tests.bench_blind`.

The server is a process of its own with made-up pairs and a board on SQLite. Every visitor fetches
three pictures, looks, votes, ten times.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import tempfile
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from tests.leaderboard.blind.made_pairs import write_pairs

SIZE = (384, 256)
LOOKS = (1.0, 4.0)
"""Seconds that a visitor looks at a pair."""


def bench_blind(
    visitors: Annotated[int, typer.Option(min=1, help="visitors at once")] = 50,
) -> None:
    """Print the median and the slowest twentieth of what visitors wait for."""
    with tempfile.TemporaryDirectory(prefix="semcomp-blind-") as folder:
        write_pairs(Path(folder) / "pairs", size=SIZE)
        ours, theirs = multiprocessing.Pipe()
        server = multiprocessing.get_context("spawn").Process(
            target=_serve, args=(folder, theirs), daemon=True
        )
        server.start()
        url = ours.recv()
        waits: dict[str, list[float]] = {"start": [], "picture": [], "vote": []}
        threads = [threading.Thread(target=_visit, args=(url, n, waits)) for n in range(visitors)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ours.send("end")
        votes, cpu = ours.recv()
        server.join()
    for what, seconds in waits.items():
        ordered = sorted(seconds)
        median, late = ordered[len(ordered) // 2], ordered[int(0.95 * len(ordered))]
        print(f"{what}: median {median:.3f} s, slowest twentieth from {late:.3f} s")
    print(f"{votes} votes stored; the server took {cpu:.1f} s of the processor")
    print(f"load of this machine: {', '.join(f'{n:.1f}' for n in os.getloadavg())}")
    assert votes == 10 * visitors == len(waits["vote"])


def _visit(url: str, number: int, waits: dict[str, list[float]]) -> None:
    with httpx.Client(base_url=url, timeout=120, trust_env=False) as client:
        config = client.get("/config").json()
        component = next(c for c in config["components"] if c["props"].get("elem_id") == "blind")

        def ask(name: str, *data: Any) -> Any:
            body = {
                "session_hash": f"visitor{number}",
                "component_id": component["id"],
                "fn_name": name,
                "data": list(data),
            }
            started = time.perf_counter()
            answer = client.post("/gradio_api/component_server", json=body).raise_for_status()
            waits[name].append(time.perf_counter() - started)
            return answer.json()

        begun = ask("start", "")
        asked = begun["round"]
        while asked is not None:
            for token in asked["tokens"]:
                ask("picture", token)
            looked = random.uniform(*LOOKS)
            time.sleep(looked)
            choice = random.choice(("left", "right", "none"))
            asked = ask("vote", begun["visit"], asked["number"], choice, looked)["round"]


def _serve(folder: str, pipe: Connection) -> None:
    os.environ["GRADIO_TEMP_DIR"] = f"{folder}/gradio"
    import gradio as gr

    import app
    from leaderboard.blind import visits
    from leaderboard.pages.blind import tab as blind_page
    from leaderboard.pages.context import BoardContext
    from leaderboard.store.database import open_store

    visits.PUBLIC_VISITS = 10_000  # all visitors come from one address here
    store = open_store(f"sqlite:///{folder}/board.sqlite3")
    board = BoardContext(lambda: store, blind_folder=Path(folder, "pairs"))
    page = gr.Blocks(analytics_enabled=False)
    with page, gr.Tabs(), gr.Tab("Which is closer?", id=blind_page.TAB) as tab:
        blind_page.build_tab(page, tab, board)
    _, address, _ = app.launch(page, prevent_thread_lock=True, quiet=True)
    before = time.process_time()
    pipe.send(address)
    pipe.recv()
    pipe.send((len(store.votes()), time.process_time() - before))
    page.close()


if __name__ == "__main__":
    typer.run(bench_blind)
