"""What only large batches need: NumPy's columns, loaded when somebody says that they will come. Without NumPy there are none."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from udpmsg.base.errors import UsageError

if TYPE_CHECKING:
    from udpmsg.core.header_columns import Columns, Rows, Writer
    from udpmsg.messaging.arrays import MessageArrays


def columns_reader() -> "Columns | None":
    """What reads the headers of many messages as columns; None where NumPy is missing."""
    try:
        from udpmsg.core.header_columns import Columns
    except ImportError:
        return None
    return Columns()


def columns_writer(session: int) -> "Writer | None":
    """What writes those of one session; None where NumPy is missing."""
    try:
        from udpmsg.core.header_columns import Writer
    except ImportError:
        return None
    return Writer(session)


def rows_of(array: Any) -> "Rows":
    """What stands in each place of an array's first dimension, as bytes. Raises UsageError for what is no array of numbers."""
    try:
        import numpy as np
    except ImportError:
        raise UsageError("send_array takes an array of NumPy, which is missing: install numpy, or use send_many") from None
    if not isinstance(array, np.ndarray) or not array.ndim or array.dtype.hasobject:
        raise UsageError("send_array takes an array of NumPy with numbers in it, one message in each row")
    if array.dtype == np.uint8 and array.ndim == 2:
        return array
    rows = len(array)
    if rows > 1 and array.strides[0] == 0:  # one row, as often as there are rows
        return np.broadcast_to(rows_of(array[:1]), (rows, array[0].nbytes))
    return np.ascontiguousarray(array).view(np.uint8).reshape(rows, -1) if array.nbytes else np.empty((rows, 0), np.uint8)


def rows_of_one(payload: bytes, count: int) -> "Rows | None":
    """One payload as often as that; None where NumPy is missing."""
    try:
        import numpy as np
    except ImportError:
        return None
    return np.broadcast_to(np.array(bytearray(payload), np.uint8), (count, len(payload)))


def batches_of(rows: "Rows") -> Iterator["Rows"]:
    """Cut into what is written at one go."""
    from udpmsg.core.header_columns import most

    step = most(rows.shape[1])
    return (rows[begin : begin + step] for begin in range(0, len(rows), step))


def message_arrays() -> "type[MessageArrays]":
    """What makes arrays of messages. Raises UsageError where NumPy is missing."""
    try:
        from udpmsg.messaging.arrays import MessageArrays
    except ImportError:
        raise UsageError("batches makes arrays of NumPy, which is missing: install numpy, or use poll") from None
    return MessageArrays
