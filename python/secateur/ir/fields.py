"""The fields of each operator in the model file, with the defaults of csrc/format/model.fbs.

Made by scripts/generate_fields.py from it: change that, and run it.
"""

from __future__ import annotations

from dataclasses import dataclass

from secateur.ir.types import Array, Codes, Indices

DTYPES = ("f32", "f16", "i8", "i32", "i64", "boolean", "u8")
LAYOUTS = ("planes", "planes4", "row_major")
RESIDENCES = ("activation", "constant", "state")
ACTIVATION_KINDS = (
    "none",
    "relu",
    "clamp",
    "leaky_relu",
    "hard_swish",
    "hard_sigmoid",
    "sigmoid",
    "silu",
    "tanh",
    "gelu",
    "gelu_tanh",
    "elu",
    "mish",
    "softplus",
    "exp",
    "log",
    "sqrt",
    "rsqrt",
    "abs",
    "sin",
    "cos",
    "erf",
    "floor",
    "round",
    "atan",
)
WEIGHT_FORMATS = ("dense", "csr", "bsr", "nm")
POOL_KINDS = ("max", "average", "average_counting_pad")
REDUCE_KINDS = ("mean", "sum", "max", "min")
BINARY_KINDS = ("add", "sub", "mul", "div", "max", "min")
RECURRENT_KINDS = ("lstm", "gru", "gru_reset_first", "rnn_tanh", "rnn_relu")
PORT_ORDERS = ("channels_first", "channels_last")


@dataclass
class ConvFields:
    bias: Array | None = None
    groups: int = 1
    kernel_h: int = 1
    kernel_w: int = 1
    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    pad_top: int = 0
    pad_left: int = 0
    pad_bottom: int = 0
    pad_right: int = 0


@dataclass
class DepthwiseFields:
    weight: Array | None = None
    bias: Array | None = None
    kernel_h: int = 1
    kernel_w: int = 1
    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    pad_top: int = 0
    pad_left: int = 0
    pad_bottom: int = 0
    pad_right: int = 0
    scales: Array | None = None


@dataclass
class PoolFields:
    kind: str = "max"
    kernel_h: int = 0
    kernel_w: int = 0
    stride_h: int = 0
    stride_w: int = 0
    pad_top: int = 0
    pad_left: int = 0
    pad_bottom: int = 0
    pad_right: int = 0
    dilation_h: int = 1
    dilation_w: int = 1


@dataclass
class GlobalPoolFields:
    kind: str = "mean"


@dataclass
class BinaryFields:
    kind: str = "add"
    constant: Array | None = None
    reversed: bool = False


@dataclass
class UnaryFields:
    table: Codes | None = None


@dataclass
class ConcatFields:
    """No fields."""


@dataclass
class SliceFields:
    channel_begin: int = 0
    row_begin: int = 0
    row_step: int = 1
    col_begin: int = 0
    col_step: int = 1


@dataclass
class PadFields:
    channel_before: int = 0
    top: int = 0
    left: int = 0
    value: float = 0.0


@dataclass
class LayerNormFields:
    gamma: Array | None = None
    beta: Array | None = None
    epsilon: float = 0.0


@dataclass
class SoftmaxFields:
    """No fields."""


@dataclass
class AttentionFields:
    heads: int = 0
    scale: float = 0.0
    causal: bool = False
    mask: Array | None = None


@dataclass
class FlattenFields:
    """No fields."""


@dataclass
class TransposeFields:
    """No fields."""


@dataclass
class ResizeFields:
    row_taps: int = 1
    col_taps: int = 1
    row_index: Indices | None = None
    col_index: Indices | None = None
    row_weight: Array | None = None
    col_weight: Array | None = None


@dataclass
class PermuteFields:
    shape: tuple[int, ...] = ()
    order: tuple[int, ...] = ()


@dataclass
class ReshapeFields:
    """No fields."""


@dataclass
class ConvertFields:
    """No fields."""


@dataclass
class ReduceFields:
    kind: str = "mean"
    axes: tuple[int, ...] = ()


@dataclass
class MatMulFields:
    transpose_a: bool = False
    transpose_b: bool = False


@dataclass
class EmbeddingFields:
    """No fields."""


@dataclass
class StridedSliceFields:
    begin: tuple[int, ...] = ()
    step: tuple[int, ...] = ()


@dataclass
class StackFields:
    axis: int = 0


@dataclass
class EnlargeFields:
    before: tuple[int, ...] = ()
    value: float = 0.0


@dataclass
class RecurrentFields:
    kind: str = "lstm"
    bias: Array | None = None
    first_hidden: Array | None = None
    first_cell: Array | None = None
    backwards: bool = False
    cells: bool = False


@dataclass
class SortFields:
    descending: bool = False


@dataclass
class GatherFields:
    axis: int = 0
