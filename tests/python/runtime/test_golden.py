"""The golden model file (tests/golden, made by tests/cpp/api/golden_test.cc) against PyTorch in double."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import secateur as sct
from secateur import _core

torch = pytest.importorskip("torch")
F = torch.nn.functional

GOLDEN = Path(__file__).resolve().parents[2] / "golden"


def pattern(count: int, scale: float = 0.25):
    """model_builder.h's constants."""
    return torch.tensor([scale * (i % 7 - 3) for i in range(count)], dtype=torch.float64)


def ramp(count: int):
    """handles.h's inputs."""
    return torch.tensor([0.01 * (i * 31 % 101) - 0.5 for i in range(count)], dtype=torch.float64)


def scattered(rows: int, cols: int, columns: list[list[int]], scale: float):
    """A matrix whose nonzeros, row by row, are the pattern."""
    matrix = torch.zeros(rows, cols, dtype=torch.float64)
    values = iter(pattern(sum(map(len, columns)), scale))
    for row, places in enumerate(columns):
        for col in places:
            matrix[row, col] = next(values)
    return matrix


def every_operator(x):
    """build_every_operator of tests/cpp/format/model_builder.h."""
    conv = scattered(8, 36, [list(range(r % 3, 36, 3)) for r in range(8)], 0.5)
    x = F.relu(F.conv2d(x, conv.reshape(8, 4, 3, 3), pattern(8), padding=1))
    blocks = torch.zeros(8, 8, dtype=torch.float64)
    blocks[:, 0] = pattern(8)
    x = F.conv2d(x, blocks.reshape(8, 8, 1, 1)) + x
    x = F.hardswish(F.conv2d(x, pattern(72).reshape(8, 1, 3, 3), stride=2, padding=1, groups=8))
    cut = torch.cat([x, F.pad(F.avg_pool2d(x, 2, 1), (1, 0, 1, 0))], 1)[:, 4:12]
    x = cut * torch.sigmoid(cut.mean((2, 3), keepdim=True)) + pattern(8).reshape(1, 8, 1, 1)
    x = F.layer_norm(x.permute(0, 2, 3, 1), (8,), pattern(8), pattern(8), 1e-5).permute(0, 3, 1, 2)
    two_of_four = scattered(8, 8, [[1, 3, 5, 7]] * 8, 0.25)
    q = F.conv2d(x, two_of_four.reshape(8, 8, 1, 1)).reshape(2, 4, 9)
    k = x.reshape(2, 4, 9)
    weights = torch.softmax(0.5 * q.transpose(1, 2) @ k + pattern(81).reshape(9, 9), -1)
    mixed = (weights @ k.transpose(1, 2)).transpose(1, 2).reshape(8, 9)
    return torch.softmax(pattern(360).reshape(5, 72) @ mixed.T.reshape(-1) + pattern(5), 0)


@pytest.mark.parametrize("isa", _core.available_isas())
def test_every_operator_matches_pytorch(isa):
    session = sct.Session(GOLDEN / "v1.0.sct", isa=isa)
    x, second = ramp(144).reshape(1, 4, 6, 6), ramp(15).reshape(1, 5, 3)
    scores, halved = session.run(x.numpy().astype(np.float32), second.numpy().astype(np.float32))
    # Twelve layers of at most 81 terms each, of size about 1, ending in a softmax: some 1e-7 is seen.
    np.testing.assert_allclose(scores.ravel(), every_operator(x).numpy(), atol=2e-6)
    np.testing.assert_allclose(halved.ravel(), F.leaky_relu(second, 0.5).numpy().ravel(), atol=1e-7)
    stored = np.fromfile(GOLDEN / "v1.0.output0.bin", np.float32)
    np.testing.assert_allclose(scores.ravel(), stored, atol=2e-6)


@pytest.mark.parametrize("isa", _core.available_isas())
def test_a_residual_in_place_matches_pytorch(isa):
    """build_residual_in_place of golden_test.cc: what 1.1 added."""
    x = ramp(144).reshape(1, 4, 6, 6)
    expand = scattered(8, 4, [list(range(r % 3, 4, 3)) for r in range(8)], 0.5).reshape(8, 4, 1, 1)
    add = scattered(8, 8, [list(range(r % 3, 8, 3)) for r in range(8)], 0.5).reshape(8, 8, 1, 1)
    shortcut = F.conv2d(x, pattern(32).reshape(8, 4, 1, 1))
    expected = F.conv2d(F.relu(F.conv2d(x, expand, pattern(8))), add) + shortcut
    session = sct.Session(GOLDEN / "v1.1.sct", isa=isa)
    y = session.run(x.numpy().astype(np.float32))
    np.testing.assert_allclose(y.ravel(), expected.numpy().ravel(), atol=2e-6)
    np.testing.assert_allclose(y.ravel(), np.fromfile(GOLDEN / "v1.1.output0.bin", np.float32), atol=2e-6)


@pytest.mark.parametrize("isa", _core.available_isas())
def test_a_state_lives_from_run_to_run(isa):
    """build_running_sum of model_builder.h: what 2.0 added."""
    x, first = ramp(30), pattern(30)
    session = sct.Session(GOLDEN / "v2.0.sct", isa=isa)
    image = x.reshape(1, 3, 2, 5).numpy().astype(np.float32)
    for _ in range(2):
        for runs in (1, 2, 3):
            y = session.run(image).ravel()
            np.testing.assert_allclose(y, (first + runs * x).numpy(), atol=1e-6)
            if runs == 1:
                stored = np.fromfile(GOLDEN / "v2.0.output0.bin", np.float32)
                np.testing.assert_allclose(y, stored, atol=1e-6)
        session.reset()


@pytest.mark.parametrize("isa", _core.available_isas())
def test_metadata_come_back(isa):
    """build_labelled of model_builder.h: what 2.1 added."""
    session = sct.Session(GOLDEN / "v2.1.sct", isa=isa)
    assert session.metadata == {
        "labels": ["cat", "", "\u00e9tienne"],
        "mean": [0.485, 0.456, 0.406],
        "author": "somebody",
        "size": 224.0,
        "one": ["alone"],
        "nothing": [],
    }
    x = ramp(30).numpy().astype(np.float32)
    y = session.run(x.reshape(1, 3, 2, 5)).ravel()
    np.testing.assert_array_equal(y, np.maximum(x, 0))
    np.testing.assert_allclose(y, np.fromfile(GOLDEN / "v2.1.output0.bin", np.float32), atol=1e-7)


def test_the_document_names_the_current_version():
    text = (GOLDEN.parents[1] / "docs" / "model-format.md").read_text()
    major, minor = _core.FORMAT_VERSION
    assert f"| 8 | u16 | format major, now {major} |" in text
    assert f"| 10 | u16 | format minor, now {minor} |" in text


def test_every_file_has_its_outputs_and_a_row_in_the_readme():
    files = sorted(path.stem for path in GOLDEN.glob("*.sct"))
    assert files
    readme = (GOLDEN / "README.md").read_text()
    for stem in files:
        assert (GOLDEN / f"{stem}.output0.bin").exists()
        assert f"| `{stem}` |" in readme


def test_bytes_are_the_same_everywhere():
    """The network of make_i8.py, as its definitions in NumPy computed it."""
    x = np.fromfile(GOLDEN / "i8.input0.bin", "<f4").reshape(1, 3, 9, 9)
    want = np.fromfile(GOLDEN / "i8.output0.bin", "<f4").reshape(1, 50, 12)
    for isa in _core.available_isas():
        np.testing.assert_array_equal(sct.Session(GOLDEN / "i8.sct", isa=isa).run(x), want, err_msg=isa)
    assert len(np.unique(want)) > 40
