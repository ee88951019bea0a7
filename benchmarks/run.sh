#!/usr/bin/env bash
# Every engine that is set up, on the four networks, at 0, 80 and 90% sparsity, with one thread and two:
#   benchmarks/setup_rivals.sh && benchmarks/run.sh            -> benchmarks/runs/<machine>-<date>/
# Further arguments go to `secateur bench` (say --network mobilenet_v1 --samples 50).
set -euo pipefail
cd "$(dirname "$0")/.."
pythons=()
if [ -f .venv-litert/.done ]; then
  litert=.venv-litert/bin/python
  pythons+=(--engine-python "litert=$litert" --engine-python "onnxruntime=$litert" --engine-python "openvino=$litert")
fi
[ -f .venv-tflite/.done ] && pythons+=(--engine-python "tflite=.venv-tflite/bin/python")
out=$(benchmarks/results_folder.sh)
exec .venv/bin/python -m secateur.cli bench --sparsity 0,0.8,0.9 --threads 1,2 \
  --cache .venv-litert/converted --out "$out" "${pythons[@]}" "$@"
