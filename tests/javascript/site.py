"""The repository's files and the joined script, on port 8123: `python -m tests.javascript.site`."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from parrot_async.view.script import script

ROOT = Path(__file__).parents[2]
SCRIPT = "/jobs.js"
"""Where the joined script is."""


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def do_GET(self) -> None:
        """Answer with the joined script, or with a file."""
        if self.path.partition("?")[0] != SCRIPT:
            super().do_GET()
            return
        body = script().encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def site(port: int = 0) -> ThreadingHTTPServer:
    """Returns a server on this machine, which has yet to be started."""
    return ThreadingHTTPServer(("127.0.0.1", port), partial(Quiet, directory=str(ROOT)))


if __name__ == "__main__":
    with site(8123) as server:
        server.serve_forever()
