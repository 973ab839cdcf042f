"""A lease is renewed for as long as the service lives, whatever the store says meanwhile."""

import asyncio
import logging
from pathlib import Path

import pytest

from parrot_async.errors import StoreError
from parrot_async.model.models import JobStatus
from parrot_async.model.rows import RootRow
from parrot_async.service.custody import lease as module
from parrot_async.service.custody.lease import LEASE, RENEW, Lease
from parrot_async.store import Commit
from parrot_async.store.sqlite import SQLiteStore
from tests.unit.service.journals import journal_of, journal_on


class Forgetful(SQLiteStore):
    """A store that refuses the first renewals."""

    refusals = 2
    renewals = 0

    def lease(self, owner: str, until: float) -> None:
        self.renewals += 1
        if self.renewals <= self.refusals:
            raise StoreError("it is away")
        super().lease(owner, until)


async def nothing() -> None:
    """Do nothing when the lease is regained."""


async def test_a_tree_is_not_interrupted_while_its_owner_has_a_lease(tmp_path: Path) -> None:
    root = RootRow("r", "r", "", "default", JobStatus.RUNNING, 1.0)
    async with journal_on(tmp_path / "jobs.db") as bench:
        recorder = bench.journal.recorder
        await recorder.read(lambda store: store.commit(Commit(roots=[root], owner="owner")))
        before = await recorder.read(lambda store: store.interrupted(1.0))

        await Lease(recorder, nothing).renew()

        after = await recorder.read(lambda store: store.interrupted(1.0))
        assert ([row.id for row in before], after) == (["r"], [])


async def test_a_store_that_is_away_ends_no_renewal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "RENEW", 0.001)
    store = await asyncio.to_thread(Forgetful, tmp_path / "jobs.db")
    async with journal_of(store) as bench:
        with caplog.at_level(logging.WARNING):
            keeping = asyncio.create_task(Lease(bench.journal.recorder, nothing).keep())
            while store.renewals <= Forgetful.refusals:  # noqa: ASYNC110 - a store tells nobody
                await asyncio.sleep(0.001)
            keeping.cancel()
            await asyncio.wait([keeping])

    assert caplog.text.count("did not renew this service's lease: it is away") == 2


async def test_a_lease_that_was_over_counts_again_when_what_was_claimed_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEASE", 0.05)
    over: list[bool] = []

    async def regained() -> None:
        over.append(lease.is_over())

    async with journal_on(tmp_path / "jobs.db") as bench:
        lease = Lease(bench.journal.recorder, regained)
        before = lease.is_over()
        await lease.renew()
        fresh = lease.is_over()
        await asyncio.sleep(0.06)
        stale = lease.is_over()
        monkeypatch.setattr(module, "LEASE", 60.0)
        await lease.renew()

        assert (before, fresh, stale) == (False, False, True)
        assert over == [True]
        assert not lease.is_over()


async def test_a_lease_stays_over_where_what_was_claimed_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEASE", 0.0)

    async def regained() -> None:
        raise StoreError("it is away")

    async with journal_on(tmp_path / "jobs.db") as bench:
        lease = Lease(bench.journal.recorder, regained)
        await lease.renew()
        monkeypatch.setattr(module, "LEASE", 60.0)
        with pytest.raises(StoreError):
            await lease.renew()

        assert lease.is_over()


def test_a_lease_outlives_two_renewals_that_fail() -> None:
    assert LEASE > 3 * RENEW
