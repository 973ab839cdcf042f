"""The jobs of the pictures in the docs; the text of this file is a cell of their notebook."""

import asyncio
from collections.abc import Sequence

from parrot_async import current_job, job

FILINGS = "Amazona Ara Cacatua Kea Lorius Nestor Pionus Psittacus Strigops".split()


@job
async def read(name: str, pages: int) -> str:
    """Read page after page, with a model that is paid for it."""
    here = current_job()
    async for page in here.track(range(1, pages + 1), "reading page"):
        await asyncio.sleep(0.25)
        here.spend(input_tokens=1480, output_tokens=210, cost="0.0041", api="claude-haiku")
        if name == "Lorius" and page == 5:
            print(f"{name}: page 5 has no text layer, trying OCR")  # noqa: T201
            raise ValueError("page 5 is an image, and OCR found no text on it")
    return f"{name} grew by {pages} %"


@job
async def compare(facts: Sequence[str]) -> str:
    """Compare what was found."""
    here = current_job()
    for step in "sorting", "weighing", "checking the numbers":
        here.step(step)
        await asyncio.sleep(2)
        here.spend(input_tokens=6200, output_tokens=900, cost="0.031", api="claude-opus")
    return f"{len(facts)} companies compared"


@job(retries=2, retry_delay="200ms", retry_on=ConnectionError)
async def fetch(name: str) -> str:
    """Fetch a filing, at the second try."""
    await asyncio.sleep(0.4)
    if name == "Kea" and current_job().attempt == 1:
        raise ConnectionError("the archive hung up")
    return f"{name.lower()}-10k.pdf"


@job
async def collect(names: list[str]) -> list[str]:
    """Fetch all filings."""
    here = current_job()
    parts = [await here.submit(fetch.options(title=f"Fetch {name}"), name) for name in names]
    return [await part for part in parts]


@job
async def read_all(names: list[str]) -> list[str]:
    """Read all filings, and go on without those that cannot be read."""
    here = current_job()
    parts = [
        await here.submit(read.options(title=f"Read {name}"), name, 6 + 5 * (number % 4))
        for number, name in enumerate(names)
    ]
    facts = []
    for part in parts:
        try:
            facts.append(await part)
        except ValueError:
            here.step("one of them cannot be read")
    return facts


@job(title="Compare nine companies", description="Which parrot grew most last year, and why?")
async def report(names: list[str]) -> str:
    """Fetch, read, compare."""
    here = current_job()
    await here.run(collect.options(title="Collect the filings"), names)
    facts = await here.run(read_all.options(title="Read the filings"), names)
    return await here.run(compare.options(title="Compare them"), facts)
