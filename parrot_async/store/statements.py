"""The stores' SQL: files of statements, each with a name and a sentence."""

import re
from functools import cache
from importlib.resources import files


@cache
def statements(name: str) -> dict[str, str]:
    """The statements of `sql/<name>.sql`, each under the name that begins its comment."""
    text = (files("parrot_async.store") / "sql" / f"{name}.sql").read_text("utf-8")
    parts = re.split(r"^-- (\w+): .*\n(?:-- .*\n)*", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))
