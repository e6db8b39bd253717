"""NumPy's .npz files of unknown origin: what they claim is held against their size first.

A few bytes can claim arrays of any size, and a few compressed megabytes unpack to gigabytes.
`numpy.savez` compresses nothing, so each array must have the bytes that its header claims, and all
of them together no more than the file.
"""

import math
import os
import zipfile
from collections.abc import Iterable
from typing import IO, Any

from numpy.lib import format as npy
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read(file: IO[bytes], names: Iterable[str] | None = None) -> Arrays:
    """Return the arrays in a file that `numpy.savez` wrote; those of `names`, or all.

    Raises:
        Exception: It is no such file, is damaged, lacks one, holds Python objects, or claims more
            than it has. What zipfile and NumPy raise then is of many kinds.
    """
    size = file.seek(0, os.SEEK_END)
    with zipfile.ZipFile(file) as archive:
        every = [name.removesuffix(".npy") for name in archive.namelist()]
        members = {name: archive.getinfo(f"{name}.npy") for name in names or every}
        if sum(member.file_size for member in members.values()) > size:
            raise ValueError(f"its arrays are larger than its {size:,} bytes")
        for member in members.values():
            _check(archive, member)
        return {name: _array(archive, member) for name, member in members.items()}


def _check(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    if member.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{member.filename} is compressed")
    with archive.open(member) as content:
        version = npy.read_magic(content)
        if version not in _HEADERS:
            raise ValueError(f"{member.filename} is in another version of NumPy's format")
        shape, _, dtype = _HEADERS[version](content)
        claimed, there = math.prod(shape) * dtype.itemsize, member.file_size - content.tell()
    if dtype.itemsize == 0 or (claimed != there and not dtype.hasobject):
        raise ValueError(f"{member.filename} claims {claimed:,} bytes and has {there:,}")


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(member) as content:
        array: NDArray[Any] = npy.read_array(content, allow_pickle=False)
    return array
