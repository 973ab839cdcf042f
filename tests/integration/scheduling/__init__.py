"""What starts when and where: pools, queues, slots, plans."""
