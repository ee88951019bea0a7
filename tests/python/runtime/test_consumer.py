"""Somebody else's project builds against secateur in every way that the documentation names."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest
from runtime_models import csr_weight, linear_model

import secateur as sct

ROOT = Path(__file__).resolve().parents[3]
# One position: exactly what the consumer reads and writes.
MATRIX = np.where(np.arange(48).reshape(6, 8) % 3 == 0, np.arange(48).reshape(6, 8) / 8, 0).astype(np.float32)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (shutil.which("cmake") and shutil.which("ninja")), reason="needs CMake and Ninja"),
]


def cmake(*arguments: str | Path) -> None:
    done = subprocess.run(["cmake", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def build(source: Path, folder: Path, *settings: str) -> Path:
    # The flags of the development build: with ccache, what that has compiled is not compiled again.
    cmake("-S", source, "-B", folder, "-G", "Ninja", "-DSECATEUR_WERROR=ON", *settings)
    cmake("--build", folder, "-j", "2")
    return folder


built_anew = pytest.mark.long  # a whole build that shares no object with the development build


@pytest.fixture(
    scope="module", params=["OFF", pytest.param("ON", marks=built_anew)], ids=["static", "shared"]
)
def installed(request, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("install")
    prefix = folder / "prefix"
    beside = ROOT / "build"  # the development build, whose objects the cache has for folders as deep
    beside.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=beside) as made:
        build(ROOT, Path(made), f"-DBUILD_SHARED_LIBS={request.param}", f"-DCMAKE_INSTALL_PREFIX={prefix}")
        cmake("--install", made)
    # What is installed must stand alone: the build is gone.
    return prefix


@pytest.fixture
def model(tmp_path) -> Path:
    path = tmp_path / "model.sct"
    path.write_bytes(linear_model(csr_weight(MATRIX), None, order="channels_first"))
    return path


def check_programs(
    folder: Path, model: Path, programs: tuple[str, ...] = ("consumer_c", "consumer_cpp")
) -> None:
    x = np.arange(8, dtype=np.float32)
    x.tofile(model.parent / "x.bin")
    for program in programs:
        output = model.parent / f"{program}.bin"
        subprocess.run([folder / program, model, model.parent / "x.bin", output], check=True)
        # Eighths of small whole numbers: exact in float32.
        np.testing.assert_array_equal(np.fromfile(output, np.float32), MATRIX @ x)
    for order in ("other_first", "secateur_first"):  # of two engines with a FlatBuffers each
        done = subprocess.run(
            [folder / f"consumer_{order}", model], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), order


def test_find_package(installed, model, tmp_path):
    settings = ("-DHOW=find_package", f"-DCMAKE_PREFIX_PATH={installed}")
    check_programs(build(ROOT / "tests" / "consumer", tmp_path / "consumer", *settings), model)
    examples = build(ROOT / "examples", tmp_path / "examples", f"-DCMAKE_PREFIX_PATH={installed}")
    for program in ("embed_c", "embed_cpp"):
        done = subprocess.run([examples / program, model], capture_output=True, text=True, check=True)
        assert "largest: output[0] = 0" in done.stdout
        missing = subprocess.run(
            [examples / program, "none.sct"], capture_output=True, text=True, check=False
        )
        assert missing.returncode == 1
        assert "no file at 'none.sct'" in missing.stderr


def test_a_shared_library_shows_the_c_functions_alone(installed):
    libraries = list(installed.glob("lib*/libsecateur.so"))
    if not libraries:
        (library,) = installed.glob("lib*/libsecateur.a")
        listing = subprocess.run(["nm", "-C", library], capture_output=True, text=True, check=True).stdout
        assert "secateur_flatbuffers::Verifier" in listing
        assert [line for line in listing.splitlines() if re.search(r"[ (*&<]flatbuffers::", line)] == []
        return
    listing = subprocess.run(
        ["nm", "-D", "--defined-only", libraries[0]], capture_output=True, text=True, check=True
    ).stdout
    names = {line.split()[-1] for line in listing.splitlines()}
    assert "sct_session_run" in names
    assert [name for name in names if not name.startswith("sct_")] == []


def test_run_tool(installed, model, tmp_path):
    tool = installed / "bin" / "secateur-run"
    x = np.linspace(-1, 1, 8, dtype=np.float32)
    x.tofile(tmp_path / "x.bin")
    command = [
        tool,
        model,
        "--input",
        tmp_path / "x.bin",
        "--output",
        tmp_path / "y.bin",
        "--repeat",
        "3",
        "--json",
    ]
    done = subprocess.run([*command, "--profile"], capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    assert report["schema"] == "secateur-run/1"
    low, middle, high = sorted(report["samples_ns"])
    assert report["stats_ns"] == {"count": 3, "min": low, "median": middle, "p90": high}
    assert [layer["op"] for layer in report["layers"]] == ["Conv"]
    y = sct.Session(model).run(x.reshape(1, 8, 1)).ravel()
    np.testing.assert_allclose(np.fromfile(tmp_path / "y.bin", np.float32), y, rtol=1e-6, atol=1e-6)
    (tmp_path / "short.bin").write_bytes(bytes(4))
    for wrong, words in [
        ([model, "--input", tmp_path / "short.bin"], "does not hold exactly the 8 floats"),
        ([model, "--input", tmp_path / "none.bin"], "cannot open"),
        ([model, "--threads", "-1"], "from 0 to 1000000"),
        ([model, "--repeat", "0"], "from 1 to 1000000"),
        ([model, "--isa", "sse9"], "usable: scalar"),
        ([model, "--output", tmp_path / "no" / "where.bin"], "cannot write"),
        ([model, model], "more than one model"),
        ([], "no model given"),
        ([tmp_path], "is a directory"),
    ]:
        done = subprocess.run([tool, *wrong], capture_output=True, text=True, check=False)
        assert done.returncode in (1, 2)
        assert words in done.stderr


@pytest.mark.parametrize("how", ["add_subdirectory", pytest.param("fetch_content", marks=built_anew)])
def test_from_source(how, model, tmp_path):
    settings = (f"-DHOW={how}", f"-DSECATEUR_SOURCE={ROOT}")
    check_programs(build(ROOT / "tests" / "consumer", tmp_path / "consumer", *settings), model)


@built_anew
def test_in_a_project_without_exceptions(model, tmp_path):
    settings = ("-DHOW=add_subdirectory", f"-DSECATEUR_SOURCE={ROOT}", "-DWITHOUT_EXCEPTIONS=ON")
    folder = build(ROOT / "tests" / "consumer", tmp_path / "consumer", *settings)
    check_programs(folder, model, ("consumer_c",))
    damaged = tmp_path / "damaged.sct"
    damaged.write_bytes(b"")  # errors inside the library are exceptions all the same
    done = subprocess.run(
        [folder / "consumer_other_first", damaged], capture_output=True, text=True, check=False
    )
    assert (done.returncode, "the file is empty" in done.stderr) == (4, True)
