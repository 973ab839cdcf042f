"""Ten secrets, and jobs that let them out in every way that an error or a careless line has."""

import base64
import hashlib
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any, NoReturn
from urllib.parse import quote

from pydantic import SecretStr

from parrot_async import JobClient, Plan, current_job, job

SEED = "PLANTED_AT"
"""Of every run's own secrets; all processes compute the same."""
CONTROL = "the-control-text-is-kept"
"""No secret: it must be found where secrets are looked for."""

logger = logging.getLogger(__name__)


def planted(name: str) -> str:
    """Return one of the ten secrets, which no source file holds."""
    return f"sk-{hashlib.sha256(f'{os.environ[SEED]} {name}'.encode()).hexdigest()[:24]}"


ENVIRONMENT: dict[str, Callable[[], str]] = {
    "ANTHROPIC_API_KEY": lambda: planted("anthropic"),
    "OPENAI_API_KEY": lambda: planted("openai"),
    "GOOGLE_API_KEY": lambda: planted("google"),
    "WAREHOUSE_DSN": lambda: f"postgresql://reader:{planted('dsn')}@127.0.0.1:1/db",
    "SERVICE_PASSWORD": lambda: planted("password") + "/+&",
}
NAMES = "anthropic openai google dsn password secret_str url header late plain".split()


def spellings() -> dict[str, bytes]:
    """Return what must be found nowhere, each under the name of its secret."""
    found: dict[str, bytes] = {}
    for name in NAMES:
        text = planted(name)
        found[name] = text.encode()
        found[f"{name}, for a URL"] = quote(f"{text}/+&", safe="").encode()
        found[f"{name}, in base64"] = base64.b64encode(text.encode()).rstrip(b"=")[:-2]
    return found


class Request:
    """What the SDKs' errors hold: a URL, and headers."""

    def __init__(self) -> None:
        self.url = f"https://user:{planted('url')}@127.0.0.1/v1/messages"
        self.headers = [
            (b"X-Api-Key", b"x-api-key", planted("anthropic").encode()),
            (b"X-Goog-Api-Key", b"x-goog-api-key", planted("header").encode()),
            (b"Authorization", b"authorization", f"Bearer {planted('openai')}".encode()),
        ]
        self.auth = {"api_key": planted("header"), "token": SecretStr(planted("google"))}
        pair = f"user:{planted('url')}"
        self.basic = f"Basic {base64.b64encode(pair.encode()).decode()}"


class ApiError(Exception):
    """An error of the shape that Anthropic's, OpenAI's and httpx's have; its own text is clean."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.request = Request()
        self.body = {"error": {"message": f"wrong key {planted('google')}"}}


class Vain:
    """A value whose repr says more than the value holds."""

    def __repr__(self) -> str:
        return f"Vain(openai={planted('openai')!r}, url='https://a:{planted('url')}@b')"


@job
def raise_sdk_error() -> None:
    raise ApiError("401 unauthorized")


@job
async def raise_chained() -> None:
    try:
        _refuse(f"retried with {os.environ['OPENAI_API_KEY']}")
    except ApiError as exc:
        raise RuntimeError(f"at {os.environ['WAREHOUSE_DSN']}") from exc


@job
def raise_group() -> None:
    raise ExceptionGroup(
        "several", [ApiError("one"), ValueError(f"https://u:{planted('url')}@host/")]
    )


@job
def raise_with_note() -> None:
    error = KeyError(os.environ["SERVICE_PASSWORD"])
    error.add_note(f"x-api-key: {planted('header')}")
    raise error


def _say(*words: str) -> None:
    print(*words)  # noqa: T201 - what a job prints is what is tried


@job
def say_everything() -> str:
    """Print, log, warn, step and track."""
    os.environ["LATE_API_KEY"] = planted("late")
    for name in (*ENVIRONMENT, "LATE_API_KEY"):
        value = os.environ[name]
        _say(name, value)
        sys.stdout.write(value[:9])
        sys.stdout.write(value[9:] + "\n")
        sys.stderr.write(f"{value}\n")
        logger.error("log %s", value)
        warnings.warn(f"warned {value}", stacklevel=1)
        current_job().step(f"step {value}")
        list(current_job().track([1], f"track {value}"))
    try:
        _refuse(planted("openai"))
    except ApiError:
        logger.exception("with headers {'x-api-key': '%s'}", planted("header"))
    thread = threading.Thread(target=_fail, name=f"thread {planted('google')}")
    thread.start()
    thread.join()
    _say(CONTROL)
    return CONTROL


def _fail() -> None:
    _refuse(f"in a thread: {planted('anthropic')}")


def _refuse(why: str) -> NoReturn:
    raise ApiError(why)


@job
def return_vain() -> Vain:
    return Vain()


@job
def use_secret(secret: SecretStr, control: str) -> int:
    """Print and raise what came in a SecretStr, unless all it is asked for is the length."""
    if control == CONTROL:
        return len(secret.get_secret_value())
    _say(secret.get_secret_value())
    raise ValueError(f"login with {secret.get_secret_value()} refused")


@job
async def use_plain(key: str) -> int:
    """Hand the key on to a child, whose title has it too."""
    child = use_plain_below.options(title=f"Log in with {key}", description=f"by {key}")
    return await current_job().run(child, key, password=key)


@job
def use_plain_below(key: str, password: str) -> int:
    _say(key, password)
    return len(key)


def closing_over(key: str) -> Callable[[], int]:
    """Return a function that travels by value, with the key in it."""

    def use_closure() -> int:
        _say(key)
        return len(key)

    return use_closure


def submissions(client: JobClient) -> list[Any]:
    """Return what submits each way out once; each ends with a value or with an error."""
    fails = raise_sdk_error.options(retries=1)
    secret = SecretStr(planted("secret_str"))
    plain = os.environ["PLAIN_TOKEN"]
    return [
        client.submit(fails),
        client.submit(raise_chained),
        client.submit(raise_group),
        client.submit(raise_with_note),
        client.submit(say_everything),
        client.submit(return_vain),
        client.submit(use_secret, secret, "fail"),
        client.submit(use_secret, secret, control=CONTROL),
        client.submit(use_plain, plain),
        client.submit(job(closing_over(plain))),
        client.submit(Plan(f"Plan for {plain}", [raise_sdk_error.bind()])),
    ]
