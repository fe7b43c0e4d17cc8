"""A DICOM file read through a guard: what its elements state cannot take memory without end.

A header can say that an element is 4 GB long, hold millions of empty items, of which each becomes
a data set of its own, or nest sequences without end.
"""

from typing import BinaryIO, Final

MAX_HEADER: Final = 2**28  # bytes before the pixels
MAX_PARTS: Final = 2**19  # elements, items and values, each of about half a KB once it is read

_HEAD: Final = 8  # bytes: tag and length
_MAY_LACK: Final = 2**16  # bytes of the last value of a file that was cut
_ITEMS: Final = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")
_NEXT_VALUE: Final = b"\\"


class GuardedFile:
    """A file for pydicom to read from, its `header` alone or, unless that is said, all of it.

    Reading raises `ValueError` where an element is longer than the file and where there are more
    than `MAX_PARTS` elements and items; of a header, values count too, and it must not be over
    `MAX_HEADER` bytes.
    """

    def __init__(self, file: BinaryIO, *, header: bool = False) -> None:
        self._file = file
        self._marks = (*_ITEMS, _NEXT_VALUE) if header else _ITEMS
        self._parts = 0
        self.name = file.name
        here = file.tell()
        self._end = file.seek(0, 2)
        self._most = MAX_HEADER if header else self._end
        file.seek(here)

    def read(self, size: int = -1, /) -> bytes:
        """Return the next `size` bytes, fewer at the end of the file."""
        here = self._file.tell()
        if size < 0:
            raise ValueError("it is deflated, and has no preamble")
        if here + size > self._end + _MAY_LACK:
            raise ValueError(
                f"an element at byte {here} states {size} bytes, and the file ends after "
                f"{self._end - here}"
            )
        if min(here + size, self._end) > self._most:
            raise ValueError(f"there are more than {self._most} bytes before the pixels")
        found = self._file.read(size)
        # What is within one value now, items of a sequence too, is taken apart later.
        self._parts += (size <= _HEAD) + sum(found.count(mark) for mark in self._marks)
        if self._parts > MAX_PARTS:
            raise ValueError(f"there are more than {MAX_PARTS} elements, items and values")
        return found

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Return the place in the file after going there."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place in the file."""
        return self._file.tell()
