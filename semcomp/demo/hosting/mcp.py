"""The endpoints as tools for MCP clients, at `/gradio_api/mcp/`.

Gradio serves every endpoint as a tool. Some things are put right here: a tool has its endpoint's
name, whatever the function behind it is called; several results come back as several, also when the
client asks for no progress; a record is JSON, not Python; and no file stays behind.
"""

import json
from pathlib import Path
from typing import Any

import gradio.mcp
from anyio.to_thread import run_sync

from semcomp.demo.sessions import metadata

from . import uploads


class Tools(gradio.mcp.GradioMCPServer):
    """Gradio's MCP server with the changes of this module."""

    def get_tool_to_endpoint(self) -> dict[str, str]:
        """Names of the tools, each with its endpoint; on a Space its name stands before them."""
        found = super().get_tool_to_endpoint().values()
        return {self.tool_prefix + endpoint.strip("/"): endpoint for endpoint in found}

    def convert_strings_to_filedata(self, value: Any, filedata_positions: Any) -> Any:
        """Files out of strings; what was sent as `data:` is swept like an upload, and cleaned.

        Checked here already: Gradio passes the rest on as a client that uploads what is named.
        """
        uploads.check(value)
        made = super().convert_strings_to_filedata(value, filedata_positions)
        named = (path for path in uploads.paths(made) if "://" not in path)
        local = [path for path in named if Path(path).is_file()]
        self.blocks.upload_file_set.update(local)
        metadata.strip_all(map(Path, local))
        return made

    async def _execute_tool_without_progress(self, job: Any) -> list[Any]:
        """All results of a finished job; `Job.result` gives a single one bare."""
        result = await run_sync(job.result)
        return list(result) if isinstance(result, tuple) else [result]

    def postprocess_output_data(self, data: Any, root_url: str) -> list[Any]:
        """Results as a client gets them: pictures, addresses of files, records as JSON."""
        made: list[Any] = []
        for output in data:
            if isinstance(output, dict) and "meta" not in output:
                text = json.dumps(output, ensure_ascii=False)
                made.append(self.types.TextContent(type="text", text=text))
            elif output is not None:
                made += super().postprocess_output_data([output], root_url)
        return made


def install() -> None:
    """Have Gradio serve its tools by `Tools`; it offers no other way to choose the class."""
    gradio.mcp.GradioMCPServer = Tools  # type: ignore[misc]
