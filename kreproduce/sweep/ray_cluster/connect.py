"""Ray, connected to a cluster, or in one sentence why not. Imported only when it is used."""

import contextlib
import os
import socket
import subprocess
from typing import Any

from kreproduce.errors import SettingsError
from kreproduce.system.interpreter import python

_PATIENCE = 5.0  # seconds until somebody must answer at an address
_LONG_PATIENCE = 30.0  # seconds until that must have proved to be a cluster's head
_PROBE = """
import sys, ray
try:
    ray.init(address=sys.argv[1], logging_level="ERROR", log_to_driver=False)
except Exception as error:
    sys.exit(f"{error}")
"""


def connect(address: str) -> Any:
    """Ray, connected to a cluster.

    Args:
        address: "auto", or host:port of the cluster's head.

    Raises:
        SettingsError: Ray is not installed, or there is no cluster that can be used.
    """
    try:
        import ray
    except ImportError:
        raise SettingsError("--ray needs Ray; install it: pip install 'kreproduce[ray]'") from None
    _check(address)
    try:
        # Ray has its workers look for modules first in the folder that this is called in.
        with contextlib.chdir(os.sep):
            ray.init(address=address, logging_level="ERROR", log_to_driver=False)
    except Exception as error:  # Ray has no common one for it
        raise _refused(address, str(error)) from error
    return ray


def _check(address: str) -> None:
    """Find out without waiting for minutes, as Ray does, whether a cluster can be used."""
    if address != "auto":
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()
        except (OSError, OverflowError) as error:
            raise _refused(address, str(error)) from error
    try:
        # In a process of its own: what speaks there need not be Ray, which then never gives up.
        probe = subprocess.run(
            python("-c", _PROBE, address),
            capture_output=True,
            text=True,
            timeout=_LONG_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _refused(address, "what answers there is no head of a cluster") from None
    if probe.returncode:
        raise _refused(address, probe.stderr)


def _refused(address: str, why: str) -> SettingsError:
    first = " ".join(why.split())[:300].rstrip(".")
    return SettingsError(
        f"--ray {address}: no cluster that can be used ({first}); start one with `ray start "
        "--head`, or leave --ray out"
    )
