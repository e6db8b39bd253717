"""What a backend raises when the device's or the host's memory is full, as one sentence."""

import contextlib
from collections.abc import Iterator

from kreproduce.errors import KreproduceError, OutOfMemoryError
from kreproduce.experiment.settings import Experiment


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a backend says with this error that the device's or the host's memory is full."""
    kind = type(error).__name__
    return (
        isinstance(error, MemoryError)
        or kind in ("ResourceExhaustedError", "OutOfMemoryError")
        or "RESOURCE_EXHAUSTED" in str(error)
        or ("DefaultCPUAllocator" in str(error) and kind == "RuntimeError")
    )


@contextlib.contextmanager
def memory_of(experiment: Experiment) -> Iterator[None]:
    """Turn what a backend raises when the memory is full into one sentence.

    Raises:
        OutOfMemoryError: it is; says of what batch.
    """
    try:
        yield
    except KreproduceError:
        raise
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(
            f"a batch of {experiment.batch_size} images of {experiment.input_size}x"
            f"{experiment.input_size} does not fit into the memory; what was saved stays as it "
            "is: use a device with more, or more devices, or a smaller --set batch_size=N, "
            "which is another experiment"
        ) from error
