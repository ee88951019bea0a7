"""A camera's uint8 frame, as it is, and codes: through a session, and through secateur-run."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from runtime_models import Spec

import secateur as sct
from secateur import _core
from secateur.errors import DTypeError

HEIGHT, WIDTH, SCALE = 5, 7, 1 / 64
ROOT = Path(__file__).resolve().parents[3]
RUNNER = ROOT / "build" / "dev" / "csrc" / "tools" / "secateur-run"


def codes(spec: Spec, channels: int, dtype: str, scale: float, zero_point: int) -> int:
    """A tensor in planes4: strides of four bytes an element."""
    number = spec.tensor(1, -(-channels // 4), HEIGHT, WIDTH)
    tensor: dict[str, Any] = spec.tensors[number]
    tensor |= {"channels": channels, "dtype": dtype, "layout": "planes4"}
    tensor |= {"scale": scale, "zero_point": zero_point}
    tensor |= {key: 4 * tensor[key] for key in ("plane_stride", "batch_stride")}
    return number


@pytest.fixture
def model() -> bytes:
    """numbers = scale * (frame - 100), and codes of half that scale."""
    spec = Spec()
    frame = codes(spec, 3, "u8", SCALE, 100)
    numbers, halves = spec.tensor(1, 3, HEIGHT, WIDTH), codes(spec, 3, "i8", SCALE / 2, -5)
    spec.op("Convert", [frame], numbers)
    spec.op("Convert", [frame], halves)
    spec.port(spec.inputs, frame, [1, HEIGHT, WIDTH, 3], "channels_last")
    spec.port(spec.outputs, numbers, [1, 3, HEIGHT, WIDTH], "channels_first")
    spec.port(spec.outputs, halves, [1, HEIGHT, WIDTH, 3], "channels_last")
    return spec.encode()


@pytest.fixture
def frame() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (1, HEIGHT, WIDTH, 3), np.uint8)


def expected(frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    centred = frame.astype(np.int32) - 100
    numbers = centred.transpose(0, 3, 1, 2).astype(np.float32) * np.float32(SCALE)
    return numbers, np.clip(2 * centred - 5, -128, 127).astype(np.int8)


@pytest.mark.parametrize("isa", _core.available_isas())
def test_a_frame_goes_in_as_it_is(model: bytes, frame: np.ndarray, isa: str) -> None:
    numbers, halves = sct.Session(model, isa=isa).run(frame)
    want, codes_wanted = expected(frame)
    np.testing.assert_array_equal(numbers, want)
    np.testing.assert_array_equal(halves, codes_wanted)
    assert (numbers.dtype, halves.dtype) == (np.float32, np.int8)


def test_ports_say_what_their_codes_mean(model: bytes) -> None:
    ports = _core.Model(model)
    (frame,) = ports.inputs
    assert (frame["dtype"], frame["scale"], frame["zero_point"]) == ("uint8", SCALE, 100)
    numbers, halves = ports.outputs
    assert numbers["dtype"] == "float32"
    assert "scale" not in numbers
    assert (halves["dtype"], halves["scale"], halves["zero_point"]) == ("int8", SCALE / 2, -5)


def test_another_dtype_is_one_error(model: bytes, frame: np.ndarray) -> None:
    with pytest.raises(DTypeError, match="has dtype float32, expected uint8"):
        sct.Session(model).run(frame.astype(np.float32))


@pytest.mark.skipif(not RUNNER.exists(), reason="secateur-run is not built (make test-cpp builds it)")
def test_secateur_run_takes_frames(model: bytes, frame: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "model.sct").write_bytes(model)
    frame.tofile(tmp_path / "frame.bin")
    outputs = [tmp_path / "numbers.bin", tmp_path / "halves.bin"]
    command: list[str | Path] = [
        RUNNER,
        tmp_path / "model.sct",
        "--repeat",
        "1",
        "--input",
        tmp_path / "frame.bin",
    ]
    for path in outputs:
        command += ["--output", path]
    subprocess.run(command, check=True, capture_output=True)
    want, codes_wanted = expected(frame)
    np.testing.assert_array_equal(np.fromfile(outputs[0], np.float32), want.ravel())
    np.testing.assert_array_equal(np.fromfile(outputs[1], np.int8), codes_wanted.ravel())
