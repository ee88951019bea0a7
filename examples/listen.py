"""Listens for words: a compiled keyword spotter that takes one frame of sound after the other.

    python examples/listen.py spotter.sct recording.wav --words yes no up down

The network sees 10 ms at a time and keeps its state from call to call, so that the answer is there with the
frame that completes a word, and nothing is computed twice. It is made where PyTorch is, once, from a layer
trained on whole recordings (`spotter`, below, takes any GRU or LSTM and the layer behind it):

    secateur.compile(spotter(gru, head), torch.zeros(1, 1, BANDS)).save("spotter.sct")

Here NumPy is all that is needed. A frame holds the logarithms of the energies in `BANDS` bands, spaced as the
ear hears them, of 25 ms of 16 kHz mono sound.
"""

from __future__ import annotations

import argparse
import wave
from collections.abc import Iterator
from typing import Any

import numpy as np

import secateur

RATE, STEP, WINDOW, POINTS, BANDS = 16_000, 160, 400, 512, 40


def bands() -> np.ndarray:
    """[BANDS, POINTS / 2 + 1]: triangles between 20 Hz and 7.6 kHz, equally wide on the mel scale."""
    low, high = (1127 * np.log1p(f / 700) for f in (20, 7600))
    corners = 700 * np.expm1(np.linspace(low, high, BANDS + 2) / 1127)
    f = np.arange(POINTS // 2 + 1) * RATE / POINTS
    left, middle, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    return np.maximum(0, np.minimum((f - left) / (middle - left), (right - f) / (right - middle)))


def frames(sound: np.ndarray) -> Iterator[np.ndarray]:
    """[1, 1, BANDS] f32 for every 10 ms of `sound` [samples], in -1 to 1, from its first 25 ms on."""
    triangles, window = bands(), np.hanning(WINDOW)
    for start in range(0, len(sound) - WINDOW + 1, STEP):
        power = np.abs(np.fft.rfft(sound[start : start + WINDOW] * window, POINTS)) ** 2
        yield np.log(triangles @ power + 1e-6).astype(np.float32)[None, None]


def spotter(layer: Any, head: Any) -> Any:
    """The network for one frame, of a layer (`nn.GRU` or `nn.LSTM`, batch first, one direction) and the layer
    behind it, trained on whole sequences: its states live in buffers, which the compiled program keeps."""
    import torch
    from torch import nn

    class Spotter(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.head = layer, head
            shape = (layer.num_layers, 1, layer.hidden_size)
            for name in ("h", "c") if isinstance(layer, nn.LSTM) else ("h",):
                self.register_buffer(name, torch.zeros(shape))

        def forward(self, frame: torch.Tensor) -> torch.Tensor:
            if isinstance(self.layer, nn.LSTM):
                y, (h, c) = self.layer(frame, (self.h, self.c))
                self.c.copy_(c)
            else:
                y, h = self.layer(frame, self.h)
            self.h.copy_(h)
            return torch.softmax(self.head(y[:, 0]), -1)

    return Spotter().eval()


def sound_of(path: str) -> np.ndarray:
    with wave.open(path) as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (RATE, 1, 2):
            raise SystemExit(
                f"{path}: 16 kHz, mono, 16 bits are needed (sox in.wav -r 16k -c 1 -b 16 out.wav)"
            )
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", help="a compiled spotter (.sct)")
    parser.add_argument("recording", help="16 kHz, mono, 16 bits (.wav)")
    parser.add_argument("--words", nargs="+", default=[], help="names of the outputs, in their order")
    parser.add_argument("--score", type=float, default=0.8, help="least probability of a word (0.8)")
    options = parser.parse_args()

    session = secateur.Session(options.model)
    heard = -1
    for number, frame in enumerate(frames(sound_of(options.recording))):
        scores = np.ravel(session.run(frame))
        best = int(scores.argmax())
        if scores[best] < options.score:
            heard = -1
        elif best != heard:  # once for as long as it lasts
            heard = best
            word = options.words[best] if best < len(options.words) else f"class {best}"
            seconds = (number * STEP + WINDOW) / RATE
            print(f"{seconds:7.2f} s  {word}  score {scores[best]:.2f}")


if __name__ == "__main__":
    main()
