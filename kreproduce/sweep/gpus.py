"""The GPUs that a process started now would see, without asking TensorFlow."""

import os
import re
import subprocess

_PATIENCE = 20  # seconds; a driver that hangs is as good as none


def visible() -> list[str]:
    """What to write into CUDA_VISIBLE_DEVICES for each; empty if there are none, or unknown."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return _all()
    names = [name.strip() for name in chosen.split(",")]
    # As CUDA has it: the first that is no device ends the list.
    end = next((i for i, name in enumerate(names) if not name or name == "-1"), len(names))
    return names[:end]


def _all() -> list[str]:
    """The GPUs, by their UUIDs: CUDA numbers them otherwise than nvidia-smi.

    Of a GPU that is divided (MIG), the parts.
    """
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    found: list[str] = []
    for uuid in re.findall(r"UUID: ((?:GPU|MIG)-[-/\w]+)", listed):
        if uuid.startswith("MIG") and found and found[-1].startswith("GPU"):
            found.pop()  # the whole of which these are the parts
        found.append(uuid)
    return found
