"""NVIDIA's libraries, as the extra `cuda` installs them: found for a TensorFlow that does not.

TensorFlow 2.21 looks for most of them beside itself, below site-packages/nvidia, but not for
cuSOLVER, cuRAND, nvJitLink and NVRTC. If no CUDA is installed besides, it says that it cannot
open "some GPU libraries", and computes on the CPU. What a process has loaded is found by its name.
"""

import contextlib
import importlib.util
from pathlib import Path

# Each after those that it needs itself.
_LIBRARIES = (
    "nvjitlink/lib/libnvJitLink.so.12",
    "cuda_nvrtc/lib/libnvrtc.so.12",
    "curand/lib/libcurand.so.10",
    "cublas/lib/libcublasLt.so.12",
    "cublas/lib/libcublas.so.12",
    "cusparse/lib/libcusparse.so.12",
    "cusolver/lib/libcusolver.so.11",
)


def load_libraries() -> None:
    """Load what TensorFlow does not find by itself; nothing where they are not installed.

    Call it before TensorFlow looks for GPUs. One that cannot be loaded is left to TensorFlow.
    """
    import ctypes

    for folder in _folders():
        for name in _LIBRARIES:
            path = folder / name
            if path.is_file():
                with contextlib.suppress(OSError):
                    ctypes.CDLL(str(path))


def _folders() -> list[Path]:
    """Where the packages lie that are called nvidia-…: several where environments are stacked."""
    found = importlib.util.find_spec("nvidia")
    locations = found.submodule_search_locations if found else None
    return [Path(location) for location in locations or ()]
