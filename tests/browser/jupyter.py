"""Jupyter servers as a user starts them, each with a home of its own and no network."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, NamedTuple

import anyio
import nbformat
from anyio.abc import Process
from nbformat.v4 import new_code_cell, new_notebook

App = Literal["lab", "notebook", "voila"]

TOKEN = "parrot"  # noqa: S105 - loopback, and gone with the test
STARTS = 60
ENDS = 20

_ALL = [
    "--no-browser",
    "--ServerApp.ip=127.0.0.1",
    "--ServerApp.port_retries=0",
    "--ServerApp.allow_root=True",
    f"--IdentityProvider.token={TOKEN}",
    "--LabApp.extension_manager=readonly",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.news_url=",
]
_OPTIONS: dict[App, list[str]] = {
    "lab": [*_ALL, "--LabApp.expose_app_in_browser=True"],
    "notebook": [*_ALL, "--JupyterNotebookApp.expose_app_in_browser=True"],
    "voila": ["--no-browser", "--Voila.ip=127.0.0.1", "--show_tracebacks=True"],
}
_PORT: dict[App, str] = {
    "lab": "--ServerApp.port",
    "notebook": "--ServerApp.port",
    "voila": "--Voila.port",
}
_MODULE: dict[App, str] = {"lab": "jupyterlab", "notebook": "notebook", "voila": "voila"}
_SETTINGS = {
    # All cells are on the page, also those out of sight.
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
_PAGES: dict[App, str] = {
    "lab": "lab/tree/{name}?reset&token={token}",
    "notebook": "notebooks/{name}?token={token}",
    "voila": "voila/render/{name}",
}


class Server(NamedTuple):
    """A server that runs, and the folder whose notebooks it serves."""

    app: App
    address: str
    folder: Path

    def url(self, name: str) -> str:
        """Return where a browser finds a notebook of the folder."""
        return f"{self.address}/{_PAGES[self.app].format(name=name, token=TOKEN)}"

    def write(self, name: str, cells: Sequence[str]) -> Path:
        """Put a notebook of code cells into the folder."""
        notebook = new_notebook()  # type: ignore[no-untyped-call]
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        notebook.cells = [new_code_cell(cell) for cell in cells]  # type: ignore[no-untyped-call]
        path = self.folder / name
        nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
        return path


@asynccontextmanager
async def jupyter(app: App, home: Path) -> AsyncIterator[Server]:
    """Run a server until the block ends; its kernels end with it."""
    folder = home / "notebooks"
    folder.mkdir(parents=True)
    environment = private(home)
    _set(Path(environment["JUPYTERLAB_SETTINGS_DIR"]))
    port = _free_port()
    command = [sys.executable, "-m", _MODULE[app], *_OPTIONS[app], f"{_PORT[app]}={port}"]
    log = home / "server.log"
    with log.open("wb") as out:
        process = await anyio.open_process(
            command, stdout=out, stderr=subprocess.STDOUT, cwd=folder, env=environment
        )
        try:
            await _answers(process, port, log)
            yield Server(app, f"http://127.0.0.1:{port}", folder)
        finally:
            await _end(process)


def _set(folder: Path) -> None:
    for name, settings in _SETTINGS.items():
        file = folder / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings))


def private(home: Path) -> dict[str, str]:
    """Return an environment in which Jupyter meets nothing of this user's."""
    folders = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    lab = ("SETTINGS_DIR", "WORKSPACES_DIR")
    return {
        **os.environ,
        "HOME": str(home),
        "IPYTHONDIR": str(home / "ipython"),
        **{f"JUPYTER_{name}": str(home / "jupyter" / name) for name in folders},
        **{f"JUPYTERLAB_{name}": str(home / "jupyter" / name) for name in lab},
    }


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


async def _answers(process: Process, port: int, log: Path) -> None:
    with anyio.fail_after(STARTS):
        while True:
            try:
                async with await anyio.connect_tcp("127.0.0.1", port):
                    return
            except OSError as exc:
                if process.returncode is not None:
                    raise RuntimeError(f"see {log}") from exc
                await anyio.sleep(0.1)


async def _end(process: Process) -> None:
    with anyio.move_on_after(ENDS, shield=True):
        if process.returncode is None:
            process.terminate()
            await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()
