"""One tool of an MCP server over stdio, as an agent's client would use it: ask_mcp.py SERVER TOOL JSON. Prints one line of JSON.

It runs in the Python that has the servers (`make clients`), with nothing of Keyturn's beside it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


async def main() -> None:
    server, tool, given = sys.argv[1:4]
    more = ["--allow-write"] if "iam" in server else []  # which reads only, by itself
    started = StdioServerParameters(command=server, args=more, env=dict(os.environ))
    async with stdio_client(started) as (reading, writing), ClientSession(reading, writing) as session:
        await session.initialize()
        answer = await session.call_tool(tool, json.loads(given))
        text = "".join(getattr(part, "text", "") for part in answer.content)
        sys.stdout.write(json.dumps({"error": answer.isError, "text": text}))


asyncio.run(main())
