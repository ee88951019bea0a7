#!/usr/bin/env bash
# Builds the runtime, secateur-run and the C++ tests for another machine, and runs the tests where QEMU emulates it.
# What came of each target is in docs/building.md.
#
#   scripts/cross.sh TARGET [TEST...]   TEST: some tests alone ("golden_test spmm_test"; "none": build the library
#                                       and the program). All unless given.
#
# TARGET                       compiler
#   aarch64-linux-gnu          GCC (make test-arm does this one, with more)
#   aarch64-linux-gnu-clang    Clang with GCC's libraries
#   arm-linux-gnueabihf        GCC, 32-bit
#   riscv64-linux-gnu          GCC
#   aarch64-linux-android24    Clang, the kernels alone: there is no C library without the NDK
#   aarch64-linux-musl x86_64-linux-musl arm-linux-musleabihf riscv64-linux-musl
#   aarch64-macos x86_64-macos x86_64-windows-gnu
#                              zig (pip install ziglang), found as $ZIG, or in .venv, or as `zig`
set -euo pipefail
cd "$(dirname "$0")/.."

target=${1:?"cross.sh: give a target (see the head of this file)"}
shift
jobs=${JOBS:-$(nproc)}
build=build/cross/$target

find_zig() {
  if [ -n "${ZIG:-}" ]; then echo "$ZIG"; return; fi
  local found
  found=$(.venv/bin/python -c 'import ziglang, os; print(os.path.join(os.path.dirname(ziglang.__file__), "zig"))' \
    2>/dev/null) || found=$(command -v zig) || {
    echo "cross.sh: $target needs zig: pip install ziglang, or ZIG=/path/to/zig" >&2
    exit 1
  }
  echo "$found"
}

settings=(-DSECATEUR_WERROR=ON -DSECATEUR_BUILD_TESTS=ON)
case $target in
  aarch64-linux-android24)
    # Kernels include the standard's freestanding headers and <algorithm>, which GCC's libstdc++ lends.
    mkdir -p "$build"
    count=0
    for file in $(git ls-files 'csrc/kernels/*neon*.cc' 'csrc/kernels/*/scalar.cc' ':!csrc/kernels/*neon32.cc'); do
      flags=(-march=armv8-a)
      case $file in
        *neondot*) flags=(-march=armv8.2-a+fp16+dotprod) ;;
        *neonfp16*) flags=(-march=armv8.2-a+fp16) ;;
      esac
      clang++ --target=aarch64-linux-android24 -std=c++17 -O2 -Wall -Wextra -Werror -ffp-contract=off -Icsrc \
        -nostdinc++ -isystem /usr/aarch64-linux-gnu/include/c++/12 \
        -isystem /usr/aarch64-linux-gnu/include/c++/12/aarch64-linux-gnu -isystem /usr/aarch64-linux-gnu/include \
        "${flags[@]}" -c "$file" -o "$build/object.o"
      count=$((count + 1))
    done
    echo "$target: $count kernel files compile"
    exit 0
    ;;
  aarch64-linux-gnu | aarch64-linux-gnu-clang | arm-linux-gnueabihf | riscv64-linux-gnu)
    settings+=(--toolchain "cmake/$target.cmake") ;;
  *-linux-musl*)
    settings+=(--toolchain cmake/zig.cmake "-DSECATEUR_ZIG=$(find_zig)" "-DSECATEUR_ZIG_TARGET=$target") ;;
  *-macos)
    settings=(--toolchain cmake/zig.cmake "-DSECATEUR_ZIG=$(find_zig)" "-DSECATEUR_ZIG_TARGET=$target") ;;
  x86_64-windows-gnu)  # secateur-run is a POSIX program
    settings=(--toolchain cmake/zig.cmake "-DSECATEUR_ZIG=$(find_zig)" "-DSECATEUR_ZIG_TARGET=$target"
      -DSECATEUR_BUILD_TOOLS=OFF) ;;
  *) echo "cross.sh: unknown target $target (see the head of this file)" >&2; exit 2 ;;
esac

export CCACHE_COMPILERTYPE=${CCACHE_COMPILERTYPE:-auto}
case $target in *-musl* | *-macos | *-windows-*) export CCACHE_COMPILERTYPE=clang ;; esac
mkdir -p build/cross
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release "${settings[@]}" >"$build.log" 2>&1 ||
  { tail -n 20 "$build.log" >&2; exit 1; }
case $target in
  *-macos) cmake --build "$build" -j "$jobs" --target secateur secateur-run | tail -n 2
    echo "$target: compiled and linked, not run"; exit 0 ;;
  *-windows-*) cmake --build "$build" -j "$jobs" --target secateur | tail -n 2
    echo "$target: the library compiled, not run"; exit 0 ;;
esac
if [ "${1:-}" = none ]; then
  cmake --build "$build" -j "$jobs" --target secateur secateur-run | tail -n 2
  exit 0
fi
cmake --build "$build" -j "$jobs" ${1:+--target secateur-run "$@"} | tail -n 2
ctest --test-dir "$build" --output-on-failure -j "$jobs" ${1:+-R "^($(IFS='|'; echo "$*"))(\\.|\$)"}
