import pytest

from kreproduce.training.schedule import learning_rate


@pytest.mark.parametrize("cycle", [25, 30])
def test_every_epoch_of_two_cycles(cycle):
    expected = [0.001, 0.0015, 0.002, 0.0025, 0.003, 0.0035, 0.004, 0.004]
    while len(expected) < cycle:
        expected.append(max(expected[-1] * 0.85, 0.00025245))
    rates = [learning_rate(epoch, cycle) for epoch in range(2 * cycle)]
    assert rates == pytest.approx(expected * 2)


def test_the_floor():
    assert learning_rate(24, 25) == 0.004 * 0.85**17 > 2.5245e-4  # the last of 25 just misses it
    assert learning_rate(25, 30) == 2.5245e-4
    assert learning_rate(29, 30) == 2.5245e-4
