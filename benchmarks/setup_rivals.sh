#!/usr/bin/env bash
# Environments for the rival engines, which disagree on NumPy: .venv-litert (converters, ai-edge-litert,
# onnxruntime, OpenVINO) and .venv-tflite (tflite-runtime, which needs NumPy 1 and Python 3.11 or older).
# A second call reuses what is there.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
torch=torch==2.13.0  # by its exact version: a range would take the newest build with its GPU packages

if [ ! -f .venv-litert/.done ]; then
  "$python" -m venv .venv-litert
  .venv-litert/bin/python -m pip install -q "$torch"
  echo "$torch" > .venv-litert/constraints.txt
  .venv-litert/bin/python -m pip install -q -c .venv-litert/constraints.txt \
    litert-torch ai-edge-litert onnxruntime onnxscript onnx openvino
  touch .venv-litert/.done
fi
if [ ! -f .venv-tflite/.done ]; then
  "$python" -m venv .venv-tflite
  if .venv-tflite/bin/python -m pip install -q "numpy<2" tflite-runtime; then
    touch .venv-tflite/.done
  else
    echo "tflite-runtime has no build for $($python --version): left out" >&2
  fi
fi
