#!/usr/bin/env bash
# C++ tests under sanitizers, as GCC or Clang has them:
#   tests/cpp/sanitize.sh asan    address and undefined behaviour, every test
#   tests/cpp/sanitize.sh tsan    threads: the pool, and sessions that share a model, run on several threads or are busy
# Code is compiled with -O1 (CMakePresets.json): kernels are unrolled, and at -O2 the sanitizers' checks
# take the compiler minutes a file.
set -euo pipefail
cd "$(dirname "$0")/../.."
preset=${1:?asan or tsan}
jobs=${JOBS:-$(nproc)}
targets=() tests=()
case $preset in
  asan) ;;
  tsan) targets=(--target base_test session_test busy_test) tests=(--tests-regex '^(base|session|busy)_test$') ;;
  *) echo "sanitize.sh: unknown preset '$preset'" >&2; exit 2 ;;
esac
cmake --preset "$preset" >/dev/null
cmake --build --preset "$preset" -j "$jobs" "${targets[@]}" | tail -n 3
# A test that forks or counts every malloc reports what it means to; leaks are looked for everywhere.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}
ctest --preset "$preset" -j "$jobs" "${tests[@]}"
