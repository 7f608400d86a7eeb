"""Calls one tool with the official Python client and prints the answer as one line of JSON.

usage: call_tool.py URL MODE TOOL ARGUMENTS
"""

import asyncio
import json
import sys

from mcp import Client


async def main(url, mode, tool, arguments):
    async with Client(url, mode=mode) as client:
        listed = await client.list_tools()
        called = await client.call_tool(tool, json.loads(arguments))
        summary = {
            "revision": client.protocol_version,
            "tools": [tool.name for tool in listed.tools],
            "text": called.content[0].text,
        }
    print(json.dumps(summary))


asyncio.run(main(*sys.argv[1:]))
