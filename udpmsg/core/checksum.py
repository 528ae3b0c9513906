"""The checksum of wire format 1: CRC-32 as zlib, gzip and Ethernet have it.

ISA-L's where its package is installed (the extra "fast"), since it takes a third of zlib's time: it multiplies without
carries, which processors do sixteen bytes at a time. The same numbers either way. docs/decisions/0019-a-faster-checksum.md
"""

try:
    from isal.isal_zlib import crc32
except ImportError:
    from zlib import crc32

__all__ = ["crc32"]
