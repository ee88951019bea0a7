"""The apps in C, C++ and Java (JNI) built against an SDK and run: the scores are PyTorch's, on a network of
the zoo Python's session's."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from app_reference import lines_of, picture, prepared, reference_scores, small_model, write_ppm

import secateur as sct
from secateur import zoo
from secateur.apps import new_app

pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.skipif(not (shutil.which("cmake") and shutil.which("ninja")), reason="needs CMake and Ninja"),
]

# Runs a model on the floats of a file, by the class that apps use.
USE_SECATEUR = """
import java.nio.*;
import java.nio.channels.FileChannel;
import java.nio.file.*;
import java.util.Arrays;
import org.secateur.Secateur;

public class Use {
  static ByteBuffer map(String path) throws Exception {
    try (FileChannel file = FileChannel.open(Paths.get(path))) {
      return file.map(FileChannel.MapMode.READ_ONLY, 0, file.size()).order(ByteOrder.nativeOrder());
    }
  }
  static void expect(Class<?> kind, Runnable action) {
    try {
      action.run();
    } catch (RuntimeException error) {
      if (kind.isInstance(error) && !error.getMessage().isEmpty()) return;
      throw error;
    }
    throw new AssertionError("no " + kind);
  }
  public static void main(String[] words) throws Exception {
    Secateur net = new Secateur(map(words[0]), 0);
    ByteBuffer scores = net.newBuffer(true, 0);
    net.run(new ByteBuffer[] {map(words[1])}, new ByteBuffer[] {scores});
    System.out.println(net.inputCount() + " " + net.outputCount());
    System.out.println(Arrays.toString(net.shape(false, 0)));
    while (scores.hasRemaining()) System.out.println(scores.getFloat());
    ByteBuffer small = ByteBuffer.allocateDirect(4);
    ByteBuffer[] out = {scores}, cut = {small}, none = {};
    expect(IllegalArgumentException.class, () -> net.run(cut, out));
    expect(IllegalArgumentException.class, () -> net.run(none, out));
    expect(IllegalArgumentException.class, () -> net.shape(true, 9));
    expect(IllegalArgumentException.class, () -> new Secateur(ByteBuffer.allocate(4), 1));
    expect(IllegalStateException.class, () -> new Secateur(small, 1));
    net.close();
    net.close();
    expect(IllegalStateException.class, net::inputCount);
  }
}
"""


def run(*command: str | Path, **settings: Any) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, **settings)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def mobilenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("zoo") / "mobilenet.sct"
    network = zoo.NETWORKS["mobilenet_v2"].build()
    sct.compile(network.eval(), (torch.randn(1, 3, 224, 224),), target="generic").save(path)
    return path


def build(folder: Path, sdk: Path) -> Path:
    run("cmake", "-S", folder, "-B", folder / "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={sdk}",
        "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror")  # fmt: skip
    run("cmake", "--build", folder / "build")
    return folder / "build"


@pytest.mark.parametrize("kind", ["c", "cpp"])
def test_programs(kind: str, sdk: Path, mobilenet: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"kind {i}\n" for i in range(1000)))
    new_app(tmp_path / "see", kind, small_model(tmp_path / "small.sct"), labels)
    program = build(tmp_path / "see", sdk) / "see"
    frames = [picture(19, 31, seed=0), picture(40, 9, seed=1)]
    for number, frame in enumerate(frames):
        write_ppm(tmp_path / f"{number}.ppm", frame)
    model = tmp_path / "see" / "model.sct"
    scores = [reference_scores(frame) for frame in frames]
    printed = run(program, model, tmp_path / "0.ppm", labels)
    assert lines_of(printed, scores[0], labels.read_text().splitlines()) == 5
    stream = b"".join((tmp_path / f"{i}.ppm").read_bytes() for i in range(2)).replace(b"P6\n", b"P6\n# c\n")
    done = subprocess.run([program, model, "-"], input=stream, capture_output=True, check=True)
    lines = done.stdout.decode().splitlines()
    assert lines_of("\n".join(lines[:5]), scores[0], []) == lines_of("\n".join(lines[5:]), scores[1], []) == 5
    for data, sentence in (
        (stream[:-1], b"cut short"),
        (b"P5 1 1 255\n0", b"not a binary PPM"),
        (b"P6 1", b"PPM"),
    ):
        done = subprocess.run([program, model, "-"], input=data, capture_output=True, check=False)
        assert done.returncode == 1
        assert sentence in done.stderr
    done = subprocess.run([program, "absent.sct", tmp_path / "0.ppm"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (1, b"see: no file at 'absent.sct'\n")
    # A network of the zoo, against Python's session.
    y = sct.Session(mobilenet).run(prepared(frames[0], 224, 224).numpy())
    assert lines_of(run(program, mobilenet, tmp_path / "0.ppm"), y.ravel(), []) == 5


@pytest.mark.skipif(shutil.which("javac") is None, reason="needs a JDK")
def test_the_binding_for_java(sdk: Path, tmp_path: Path) -> None:
    """What the Android app calls: the same Java class and C file, by the AAR's CMake file."""
    new_app(tmp_path / "phone", "android", small_model(tmp_path / "small.sct"))
    module = tmp_path / "phone" / "secateur" / "src" / "main"
    libraries = build(module / "cpp", sdk)
    (tmp_path / "Use.java").write_text(USE_SECATEUR)
    classes = tmp_path / "classes"
    run(
        "javac",
        "-Xlint:all",
        "-Werror",
        "-d",
        classes,
        module / "java/org/secateur/Secateur.java",
        tmp_path / "Use.java",
    )
    x = prepared(picture(19, 31, seed=0)).numpy().astype("<f4")
    x.tofile(tmp_path / "x.bin")
    java = ("java", "-Xcheck:jni", f"-Djava.library.path={libraries}", "-cp", classes)
    printed = run(*java, "Use", tmp_path / "small.sct", tmp_path / "x.bin").splitlines()
    assert printed[:2] == ["1 1", "[1, 3, 12, 10]"]
    expected = reference_scores(picture(19, 31, seed=0))
    np.testing.assert_allclose([float(line) for line in printed[2:]], expected, rtol=1e-4, atol=1e-4)
