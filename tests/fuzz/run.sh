#!/usr/bin/env bash
# Fuzzes the model file: opens and runs what a structure-aware mutator makes, under the address and
# undefined-behaviour sanitizers. Prints executions, edges covered and findings; exits 1 when there is one.
#
#   tests/fuzz/run.sh [SECONDS]        60; new inputs are kept in build/fuzz/corpus, findings in build/fuzz, and what
#                                      all runs there came to in build/fuzz/totals.json (totals.py)
#   FUZZ_PROCESSES=2 tests/fuzz/run.sh SECONDS   so many at a time, each with a seed of its own; one corpus
#   tests/fuzz/run.sh --corpus         writes tests/fuzz/corpus anew (tests/fuzz/make_corpus.cc)
set -euo pipefail
cd "$(dirname "$0")/../.."
clang=${CLANGXX:-}
for name in clang++ clang++-19 clang++-16 clang++-14; do
  [ -n "$clang" ] || clang=$(command -v "$name" || true)
done
[ -n "$clang" ] || { echo "fuzz: Clang is needed (apt-get install clang), or CLANGXX=..." >&2; exit 1; }
cmake --preset fuzz -DCMAKE_CXX_COMPILER="$clang" -DCMAKE_C_COMPILER="${clang/clang++/clang}" >/dev/null
cmake --build --preset fuzz -j "${JOBS:-$(nproc)}" | tail -n 1
if [ "${1:-}" = --corpus ]; then
  build/fuzz/tests/fuzz/model_corpus tests/fuzz/corpus
  exit
fi
mkdir -p build/fuzz/corpus
found=0 pids=() logs=()
export ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=1
for n in $(seq "${FUZZ_PROCESSES:-1}"); do
  log=build/fuzz/fuzz-$n.log
  logs+=("$log")
  build/fuzz/tests/fuzz/model_fuzzer build/fuzz/corpus tests/fuzz/corpus -max_total_time="${1:-60}" -timeout=20 \
    -rss_limit_mb=2048 -max_len=32768 -len_control=0 -artifact_prefix=build/fuzz/finding- >"$log" 2>&1 &
  pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid" || found=1; done
tests/fuzz/totals.py build/fuzz/totals.json "${logs[@]}"
if [ "$found" = 1 ]; then
  grep -hE 'ERROR:|runtime error|SUMMARY|Test unit written' "${logs[@]}" >&2
  exit 1
fi
echo "fuzz: no finding"
