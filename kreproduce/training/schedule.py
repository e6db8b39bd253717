"""The cyclical learning rate."""

PEAK_EPOCH, FLOOR = 7, 2.5245e-4


def learning_rate(epoch: int, cycle: int) -> float:
    """Return the learning rate of an epoch, counted from 0.

    With e = epoch mod cycle: 0.001 * (1 + 0.5 e) while e < 7, then 0.004 * 0.85^(e - 7), never
    below 2.5245e-4 (read off the authors' code; the paper, section 2.10, cites Smith 2017).

    >>> [learning_rate(epoch, cycle=30) for epoch in (0, 6, 7, 25, 29, 30)]
    [0.001, 0.004, 0.004, 0.00025245, 0.00025245, 0.001]
    """
    e = epoch % cycle
    if e < PEAK_EPOCH:
        return 0.001 * (1 + 0.5 * e)
    return max(0.004 * 0.85 ** (e - PEAK_EPOCH), FLOOR)
