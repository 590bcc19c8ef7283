"""An installation for measuring: ``python -m bench.installation FOLDER UPSTREAM_PORT [observe]`` prints its port and a session's key."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import uvloop

from keyturn import config as settings
from keyturn import footprint
from keyturn.app import App


async def main(folder: Path, up: int, *, observe: bool) -> None:
    config = settings.Config(
        data_dir=str(folder),
        gateway=settings.Gateway(port=0),
        console=settings.Console(port=0),
        aws=settings.Aws(
            account="123456789012",
            region="eu-central-1",
            endpoint_url=f"http://127.0.0.1:{up}",
            access_key_id="AKIAPLANE",
            secret_access_key="plane",
        ),
        observe=observe,
    )
    app = App(config)
    await app.start()
    key = await app.runtime.open_session(operator="olga", agent="bench", ttl_s=3600)
    assert app.gateway is not None
    told = {
        "port": app.gateway.port,
        "access_key_id": key.access_key_id,
        "secret": key.secret,
        "console": app.runtime.about["console_url"],
    }
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    async with footprint.kept_small():
        print(json.dumps(told), flush=True)
        await stopping.wait()
    await app.stop()


if __name__ == "__main__":
    footprint.one_arena()
    uvloop.run(main(Path(sys.argv[1]), int(sys.argv[2]), observe="observe" in sys.argv[3:]))
