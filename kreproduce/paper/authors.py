"""The authors' raw runs, from which they made Tables 2 and 4 to 8."""

from dataclasses import dataclass
from decimal import Decimal

from kreproduce.paper.files import load
from kreproduce.paper.tables import Activation, Row, Variant


@dataclass(frozen=True)
class AuthorRun:
    """One training run, as the authors' notebooks record it; every one has layer L and swish.

    Attributes:
        run: the authors' name of it.
        dataset: cifar10, malaria or colorectal_histology.
        epochs: how long it was trained.
        model: "baseline", or the variant with its channels per group, such as "v2-32ch".
        batch_size: images a step.
        input_size: pixels of a side.
        precision: float32 or mixed_float16.
        monitor: the validation measure whose best epoch was tested.
        best_epoch: that epoch, counted from 1.
        test_loss: cross-entropy.
        test_accuracy: fraction of the test images, one pass without flips.
        flip_accuracy: the same with the outputs for the mirror image added; None where the
            notebook of the run is not known to print it.
        gpu: what it ran on, or "not stated".
        epoch_seconds: median wall time of an epoch.
        tables: the tables with a row of it; empty for two runs of V1 at 224x224.
    """

    run: str
    dataset: str
    epochs: int
    model: str
    batch_size: int
    input_size: int
    precision: str
    monitor: str
    best_epoch: int
    test_loss: float
    test_accuracy: float
    flip_accuracy: float | None
    gpu: str
    epoch_seconds: float
    tables: tuple[int, ...]


def runs() -> tuple[AuthorRun, ...]:
    """All published raw runs, also those that no table shows."""
    return load(AuthorRun, "runs.csv")


def authors_run(
    dataset: str,
    epochs: int,
    variant: Variant,
    ch: int | None,
    layer_l: bool,
    activation: Activation,
) -> AuthorRun | None:
    """Return the raw run behind the rows of these settings; None if none is published.

    The arguments are fields of `Row`. A flip row tests the run of the row without the flip, so
    `hflip` is not among them; see `raw_accuracy`.
    """
    if not layer_l or activation != "swish":
        return None
    wanted = (dataset, epochs, variant if ch is None else f"{variant}-{ch}ch")
    shown = (run for run in runs() if run.tables)
    return next((run for run in shown if (run.dataset, run.epochs, run.model) == wanted), None)


def raw_accuracy(row: Row) -> Decimal | None:
    """Return what the raw run behind a row scored, in percent; None where it is not published."""
    settings = (row.dataset, row.epochs, row.variant, row.ch, row.layer_l, row.activation)
    run = authors_run(*settings)
    scored = run and (run.flip_accuracy if row.hflip else run.test_accuracy)
    return None if scored is None else 100 * Decimal(str(scored))
