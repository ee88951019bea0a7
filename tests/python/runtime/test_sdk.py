"""The tar of `make sdk`: what is in it, and projects in C alone that link it by pkg-config and by CMake."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from runtime_models import csr_weight, linear_model

ROOT = Path(__file__).resolve().parents[3]
MATRIX = np.where(np.arange(48).reshape(6, 8) % 3 == 0, np.arange(48).reshape(6, 8) / 8, 0).astype(np.float32)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.skipif(not (shutil.which("cmake") and shutil.which("ninja")), reason="needs CMake and Ninja"),
]


def run(*command: str | Path, **settings) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, **settings)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture
def model(tmp_path) -> Path:
    path = tmp_path / "model.sct"
    path.write_bytes(linear_model(csr_weight(MATRIX), None, order="channels_first"))
    return path


def check(program: Path, model: Path, libraries: Path) -> None:
    x = np.arange(8, dtype=np.float32)
    x.tofile(model.parent / "x.bin")
    environment = {"LD_LIBRARY_PATH": str(libraries)}
    run(program, model, model.parent / "x.bin", model.parent / "y.bin", env=environment)
    # Eighths of small whole numbers: exact in float32.
    np.testing.assert_array_equal(np.fromfile(model.parent / "y.bin", np.float32), MATRIX @ x)


def version() -> tuple[str, str]:
    header = (ROOT / "csrc" / "include" / "secateur" / "secateur.h").read_text()
    parts = re.findall(r"^#define SCT_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)$", header, re.M)
    return ".".join(parts), ".".join(parts[:2])


def test_what_is_in_it(sdk):
    whole, minor = version()
    library = sdk / "lib" / f"libsecateur.so.{whole}"
    for name in (
        "include/secateur/secateur.h", "include/secateur/secateur.hpp", "lib/libsecateur.a",
        "bin/secateur-run", "lib/cmake/secateur/secateurConfig.cmake", "lib/pkgconfig/secateur.pc",
        "share/secateur/examples/embed.c", "share/secateur/swift/Package.swift",
        "share/secateur/android/secateur/build.gradle.kts",
    ):  # fmt: skip
        assert (sdk / name).is_file(), name
    # x86-64 has kernels of six instruction sets, 1,485,368 bytes; AArch64 919,720 (docs/building.md).
    assert library.stat().st_size < (1_500_000 if platform.machine() == "x86_64" else 1_000_000)
    dynamic = run("readelf", "-d", library)
    # A minor version may change the ABI before 1.0, as the CMake package says.
    assert f"soname: [libsecateur.so.{minor}]" in dynamic
    assert "libstdc++" not in dynamic
    names = {line.split()[-1] for line in run("nm", "-D", "--defined-only", library).splitlines()}
    assert "sct_session_run" in names
    assert [name for name in names if not name.startswith("sct_")] == []


@pytest.mark.parametrize("package", ["secateur", "secateur-static"])
@pytest.mark.skipif(not shutil.which("pkg-config"), reason="needs pkg-config")
def test_c_by_pkg_config(package, sdk, model, tmp_path):
    environment = {"PKG_CONFIG_PATH": str(sdk / "lib" / "pkgconfig"), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    flags = run("pkg-config", "--cflags", "--libs", package, env=environment).split()
    program = tmp_path / "program"
    run("cc", "-std=c99", ROOT / "tests" / "consumer" / "consumer.c", "-o", program, *flags)
    check(program, model, sdk / "lib")
    assert ("libsecateur.so" in run("readelf", "-d", program)) == (package == "secateur")


@pytest.mark.skipif(not shutil.which("clang"), reason="needs clang, whose modules Swift imports")
def test_the_module_that_swift_imports(sdk, tmp_path):
    source = tmp_path / "uses.c"
    source.write_text(
        "#pragma clang module import CSecateur\n"
        "int main(void) { return sct_session_run_tensors(0, 0, 0, 0, 0) == SCT_INVALID_ARGUMENT ? 0 : 1; }\n"
    )
    module = sdk / "share" / "secateur" / "swift" / "Sources" / "CSecateur" / "module.modulemap"
    flags = ["-fmodules", f"-fmodules-cache-path={tmp_path}", f"-fmodule-map-file={module}"]
    libraries = [f"-L{sdk / 'lib'}", "-lsecateur", f"-Wl,-rpath,{sdk / 'lib'}"]
    run("clang", *flags, f"-I{sdk / 'include'}", source, "-o", tmp_path / "uses", *libraries)
    run(tmp_path / "uses")


def test_the_android_library_stands_alone(sdk):
    android = sdk / "share" / "secateur" / "android"
    texts = [path.read_text() for path in android.rglob("*") if path.is_file()]
    assert len(texts) >= 7
    assert not [text for text in texts if "@NAME@" in text or "@VERSION@" in text]
    settings = (android / "settings.gradle.kts").read_text()
    assert re.findall(r'"(:\w+)"', settings) == [":secateur"]


@pytest.mark.parametrize("shared", ["OFF", "ON"])
def test_c_by_cmake(shared, sdk, model, tmp_path):
    source = ROOT / "tests" / "consumer" / "c_only"
    settings = (f"-DCMAKE_PREFIX_PATH={sdk}", f"-DBUILD_SHARED_LIBS={shared}")
    run("cmake", "-S", source, "-B", tmp_path / "build", "-G", "Ninja", *settings)
    run("cmake", "--build", tmp_path / "build")
    check(tmp_path / "build" / "consumer_c", model, sdk / "lib")
    needed = run("readelf", "-d", tmp_path / "build" / "consumer_c")
    assert ("libsecateur.so" in needed) == (shared == "ON")
