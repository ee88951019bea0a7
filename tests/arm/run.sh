#!/usr/bin/env bash
# The AArch64 build and its tests under emulated Cortex-A53, A72, A76 and max. `make test-arm` calls it
# after scripts/setup.sh --arm. Exits non-zero on any failure; the last line sums up.
#
#   tests/arm/run.sh [BUILD]     BUILD is build/aarch64 unless given
set -euo pipefail
cd "$(dirname "$0")/../.."

build=${1:-build/aarch64}
python=${PYTHON:-.venv/bin/python}
jobs=${JOBS:-$(nproc)}
began=$SECONDS
step=
trap '[ $? -eq 0 ] || echo "test-arm: FAILED in step: $step ($((SECONDS - began)) s)"' EXIT

say() {
  step=$1
  printf '\033[1m== [%d s] %s\033[0m\n' "$((SECONDS - began))" "$1"
}

say "building for armv8-a"
cmake --preset aarch64 -B "$build" >/dev/null
cmake --build "$build" -j "$jobs" | tail -n 3

say "C++ tests as Cortex-A53, A72, A76 and max"
log=$(mktemp)
ctest --test-dir "$build" --output-on-failure -j "$jobs" >"$log" || { cat "$log"; rm -f "$log"; exit 1; }
cpp=$(grep -o '[0-9]* tests failed out of [0-9]*\|tests passed, .*' "$log")
rm -f "$log"
echo "$cpp"

say "instructions, size, and the counting harness"
export SECATEUR_ARM_BUILD=$PWD/${build#"$PWD"/}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
"$python" -m pytest -q tests/arm/test_binary.py tests/arm/test_count.py

say "compiled models as Cortex-A53, A72, A76 and max, against x86-64"
"$python" -m pytest -q tests/arm/test_models.py tests/arm/test_half.py

stripped=$(mktemp)
aarch64-linux-gnu-strip -o "$stripped" "$build/csrc/tools/secateur-run"
bytes=$(stat -c %s "$stripped")
rm -f "$stripped"
step=done
echo "test-arm: passed in $((SECONDS - began)) s: C++ ($cpp), armv8-a and nothing above, compiled models;" \
  "secateur-run stripped: $bytes bytes"
