import pytest

from kreproduce.experiment.settings import resolve
from kreproduce.training.schedule import learning_rate

# The formula of the authors' code worked out in decimal arithmetic, to seven digits: seven epochs
# up, then 15% less each epoch, down to the floor.
CYCLE = [
    *(1.000000e-3, 1.500000e-3, 2.000000e-3, 2.500000e-3, 3.000000e-3, 3.500000e-3, 4.000000e-3),
    *(4.000000e-3, 3.400000e-3, 2.890000e-3, 2.456500e-3, 2.088025e-3, 1.774821e-3, 1.508598e-3),
    *(1.282308e-3, 1.089962e-3, 9.264678e-4, 7.874976e-4, 6.693730e-4, 5.689670e-4, 4.836220e-4),
    *(4.110787e-4, 3.494169e-4, 2.970043e-4, 2.524537e-4, 2.524500e-4, 2.524500e-4, 2.524500e-4),
    *(2.524500e-4, 2.524500e-4),
]


@pytest.mark.parametrize(
    ("dataset", "epochs", "cycle"),
    [
        ("cifar10", 50, 25),
        ("malaria", 75, 25),
        ("cifar10", 180, 30),
        ("colorectal_histology", 1000, 25),
    ],
)
def test_every_epoch_of_the_papers_runs(dataset, epochs, cycle):
    experiment = resolve({"dataset": dataset, "epochs": epochs, "ch": 16})
    assert experiment.cycle == cycle
    rates = [learning_rate(epoch, experiment.cycle) for epoch in range(epochs)]
    assert len(CYCLE[:cycle]) == cycle
    assert rates == pytest.approx((CYCLE[:cycle] * 40)[:epochs], rel=5e-7)
    assert min(rates) == (2.5245e-4 if cycle == 30 else 0.004 * 0.85**17)


def test_the_floor():
    assert learning_rate(24, 25) == 0.004 * 0.85**17 > 2.5245e-4  # the last of 25 just misses it
    assert learning_rate(25, 30) == 2.5245e-4
    assert learning_rate(29, 30) == 2.5245e-4
