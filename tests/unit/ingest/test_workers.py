"""The pool that embeds: the GPU's where there is one, else the CPU's."""

from collections import Counter

from parrot_async.ingest.workers import EmbeddingPool, count_labels, embedding_pool


async def test_without_a_cluster_one_cpu_worker_is_assumed() -> None:
    assert await embedding_pool() == EmbeddingPool("cpu", 1)


def test_workers_are_counted_once_for_each_label_whatever_their_slots() -> None:
    counts = count_labels([{"cpu": 2.0}, {"cpu": 1.0, "io": 16.0}, {"gpu": 1.0}, {}])

    assert counts == Counter(cpu=3, io=1, gpu=1)
