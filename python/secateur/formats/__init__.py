"""Weight matrices as a model file holds them: dense, CSR, BSR, N:M (NumPy only)."""

from secateur.formats.base import StoredWeight, encode_counts, encode_gaps, tap_major
from secateur.formats.bsr import BSR
from secateur.formats.csr import CSR
from secateur.formats.dense import Dense
from secateur.formats.nm import NM
from secateur.formats.patterns import I8_BLOCKS, Pattern, block_patterns, detect_nm

__all__ = [
    "BSR",
    "CSR",
    "I8_BLOCKS",
    "NM",
    "Dense",
    "Pattern",
    "StoredWeight",
    "block_patterns",
    "detect_nm",
    "encode_counts",
    "encode_gaps",
    "tap_major",
]
