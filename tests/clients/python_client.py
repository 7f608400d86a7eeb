"""Drives a server with the official Python client and prints what happened as one line of JSON.

usage: python_client.py SERVER MODE      (SERVER: a URL, or a command as a JSON list; MODE: legacy, auto or a revision)
"""

import asyncio
import json
import sys

from mcp import Client, StdioServerParameters
from mcp_types import ElicitResult


async def answer(_context, params):
    asked.append(params.message)
    return ElicitResult(action="accept", content={"answer": "blue"})


async def note_progress(progress, total, _message):
    steps.append([progress, total])


asked = []
steps = []


def server(text):
    if not text.startswith("["):
        return text
    command, *args = json.loads(text)
    return StdioServerParameters(command=command, args=args)


async def main(url, mode):
    async with Client(server(url), mode=mode, elicitation_callback=answer) as client:
        tools, cursor = [], None
        while True:
            page = await client.list_tools(cursor=cursor)
            tools += [tool.name for tool in page.tools]
            cursor = page.next_cursor
            if cursor is None:
                break
        echoed = await client.call_tool("echo", {"message": "hi"})
        slept = await client.call_tool(
            "sleep_with_progress", {"steps": 3, "interval_ms": 30}, progress_callback=note_progress
        )
        decided = await client.call_tool("ask", {"question": "which colour?"})
        resource = await client.read_resource("test://static-text")
        summary = {
            "revision": client.protocol_version,
            "tools": tools,
            "echo": echoed.content[0].text,
            "progress": steps,
            "slept": slept.content[0].text,
            "asked": asked,
            "answered": decided.content[0].text,
            "resource": resource.contents[0].text,
        }
    print(json.dumps(summary))


asyncio.run(main(sys.argv[1], sys.argv[2]))
