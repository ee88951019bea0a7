"""encode_model: what it takes, and what it refuses."""

from __future__ import annotations

import itertools
import zlib

import numpy as np
import pytest
from runtime_models import Spec, csr_weight, dense_weight, linear_model

from secateur import _core
from secateur.errors import ModelFileError


def spec_of_linear() -> dict:
    spec = Spec()
    x, y = spec.tensor(1, 2, 1, 1), spec.tensor(1, 3, 1, 1)
    weight = dense_weight(np.ones((3, 2), np.float32))
    spec.op("Conv", [x], y, {"weight": weight, "bias": np.zeros(3, np.float32)})
    spec.port(spec.inputs, x, [1, 2], "channels_first")
    spec.port(spec.outputs, y, [1, 3], "channels_first")
    return spec.dict()


def test_header():
    file = _core.encode_model(spec_of_linear())
    assert file[:8] == b"SECATEUR"
    # The oldest version whose readers understand it.
    assert tuple(np.frombuffer(file, "<u2", 2, 8)) == (1, 1)
    assert int(np.frombuffer(file, "<u8", 1, 16)[0]) == len(file) - 64
    assert int(np.frombuffer(file, "<u4", 1, 24)[0]) == zlib.crc32(file[64:])
    blank = file[:28] + bytes(4) + file[32:64]
    assert int(np.frombuffer(file, "<u4", 1, 28)[0]) == zlib.crc32(blank)
    assert file[32:64] == bytes(32)
    assert file[68:72] == b"SCTM"


def test_equal_specs_give_equal_files():
    assert _core.encode_model(spec_of_linear()) == _core.encode_model(spec_of_linear())


def test_shared_arrays_are_stored_once():
    spec = Spec()
    matrix = np.ones((64, 64), np.float32)
    tensors = [spec.tensor(1, 64, 1, 1) for _ in range(3)]
    weight = dense_weight(matrix)
    for a, b in itertools.pairwise(tensors):
        spec.op("Conv", [a], b, {"weight": weight})
    spec.port(spec.inputs, tensors[0], [64], "channels_first")
    spec.port(spec.outputs, tensors[-1], [64], "channels_first")
    assert len(spec.encode()) < 1.5 * matrix.nbytes


def change(path, value):
    def apply(spec):
        at = spec
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value

    return apply


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (change(["ops", 0, "kind"], "Convolve"), "unknown kind 'Convolve'"),
        (change(["ops", 0, "options", "kernel"], 3), "no field 'kernel'"),
        (change(["ops", 0, "options", "kernel_h"], -1), "kernel_h is -1, out of range"),
        (change(["ops", 0, "options", "kernel_h"], 2**32), "out of range"),
        (change(["ops", 0, "options", "kernel_h"], 1.0), "must be an integer"),
        (change(["ops", 0, "options", "bias"], np.zeros(3)), "bias has dtype float64"),
        (change(["ops", 0, "options", "bias"], [0, 0, 0]), "must be a numpy array"),
        (change(["ops", 0, "options", "bias"], np.zeros(6, np.float32)[::2]), "not C-contiguous"),
        (change(["ops", 0, "options", "weight"], None), "must be a dict"),
        (change(["ops", 0, "options", "weight", "format"], "coo"), "must be one of dense, csr, bsr, nm"),
        (change(["ops", 0, "options", "weight", "index"], np.zeros(3, np.int8)), "index has dtype int8"),
        (change(["ops", 0, "options", "weight", "counts"], np.zeros(3, np.uint8)), "counts has dtype"),
        (change(["ops", 0, "activation"], ("swish", 0, 0)), "must be one of none, relu"),
        (change(["ops", 0, "activation"], ("relu",)), r"must be \(kind, a, b\)"),
        (change(["ops", 0, "activation"], ("relu", "a", 0)), "must be a number"),
        (change(["ops", 0, "inputs"], "0"), "must be a list"),
        (change(["ops", 0, "name"], 3), "must be a str"),
        (change(["tensors", 0, "stride"], 3), "no field 'stride'"),
        (change(["inputs", 0, "order"], "rows"), "channels_first, channels_last"),
        (change(["arena"], 3), "no field 'arena'"),
        (change(["tensors"], 3), "must be a list"),
    ],
)
def test_refuses(harm, words):
    spec = spec_of_linear()
    harm(spec)
    with pytest.raises(ValueError, match=words):
        _core.encode_model(spec)


def test_numpy_integers_are_integers():
    spec = spec_of_linear()
    spec["ops"][0]["options"]["kernel_h"] = np.int64(1)
    spec["inputs"][0]["shape"] = [np.int32(1), np.uint8(2)]
    _core.Model(_core.encode_model(spec))


def test_what_contradicts_itself_does_not_open():
    spec = spec_of_linear()
    spec["tensors"][0]["plane_stride"] = 5
    with pytest.raises(ModelFileError, match="strides"):
        _core.Model(_core.encode_model(spec))


def test_a_layer_of_nine_tenths_zeros_takes_an_eighth():
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((256, 256)).astype(np.float32)
    matrix[rng.random(matrix.shape) < 0.9] = 0
    dense = linear_model(dense_weight(matrix), None)
    sparse = linear_model(csr_weight(matrix), None)
    assert len(sparse) <= 0.15 * len(dense)


def test_module_facts():
    assert "scalar" in _core.available_isas()
    assert _core.selected_isa() in _core.available_isas()
    assert _core.available_cpus() >= 1
    assert _core.plane_strides(2, 3, 1, 1) == (1, 16)
    assert _core.plane_strides(1, 3, 4, 4) == (16, 48)
    assert _core.plane_strides(1, 2, 4, 5) == (48, 96)  # an odd number of cache lines
    with pytest.raises(ValueError, match="at least 1"):
        _core.plane_strides(0, 1, 1, 1)
