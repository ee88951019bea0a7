#!/usr/bin/env bash
# Sets up all that the project needs on a Debian-like system: system packages where missing, a virtual
# environment in .venv, Python dependencies, and the build. A second call reuses what is there.
#
#   scripts/setup.sh            what `make demo` and `make test` need
#   scripts/setup.sh --arm      also the AArch64 cross compiler and emulator that `make test-arm` needs
#   scripts/setup.sh --device   also the ssh server that `make test-device` starts on 127.0.0.1
#   scripts/setup.sh --lint     also the C++ formatter and linter
#   scripts/setup.sh --fuzz     also Clang, for the fuzzer of model files
#   scripts/setup.sh --tidy     also clang-tidy
#   scripts/setup.sh --cpp      system packages only: enough to build and test the C++ alone
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(g++ make cmake ninja-build ccache git ca-certificates libflatbuffers-dev flatbuffers-compiler libgtest-dev
  python3 python3-venv python3-dev)
cpp_only=
for argument in "$@"; do
  case "$argument" in
    --cpp) cpp_only=1 ;;
    --arm) packages+=(g++-aarch64-linux-gnu qemu-user-static) ;;
    --device) packages+=(openssh-client openssh-server) ;;
    --fuzz) packages+=(clang libclang-rt-dev) ;;
    --lint) packages+=(clang-format) ;;
    --tidy) packages+=(clang-tidy) ;;
    --bench) packages+=(libbenchmark-dev) ;;
    *) echo "setup.sh: unknown argument $argument (see the head of this file)" >&2; exit 2 ;;
  esac
done

say() { printf '\033[1m== %s\033[0m\n' "$*"; }

installed() { dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

if command -v dpkg-query >/dev/null; then
  missing=()
  for package in "${packages[@]}"; do installed "$package" || missing+=("$package"); done
  if [ "${#missing[@]}" -gt 0 ]; then
    if [ "$(id -u)" -eq 0 ]; then
      say "installing system packages: ${missing[*]}"
      export DEBIAN_FRONTEND=noninteractive
      apt-get -qq update
      apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
    else
      echo "These system packages are missing; install them and run this again:" >&2
      echo "  sudo apt-get install ${missing[*]}" >&2
      exit 1
    fi
  fi
else
  for tool in c++ cmake ninja flatc python3; do
    command -v "$tool" >/dev/null || { echo "setup.sh: '$tool' is missing; install it and run this again" >&2; exit 1; }
  done
fi

[ -z "$cpp_only" ] || exit 0

# A Python that torch has a build for, with a working venv module.
python=${PYTHON:-}
if [ -z "$python" ]; then
  for candidate in python3.11 python3.12 python3.13 python3.10 python3; do
    command -v "$candidate" >/dev/null || continue
    if "$candidate" -c 'import venv, ensurepip, sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      python=$candidate
      break
    fi
  done
fi
if [ -z "$python" ]; then
  echo "setup.sh: Python 3.10 or newer with venv is needed (apt-get install python3-venv)" >&2
  exit 1
fi

if [ ! -x .venv/bin/python ]; then
  say "making the virtual environment .venv with $($python --version)"
  "$python" -m venv .venv
fi

# The CPU build of torch first, by its exact version: a range would take the newest build with its GPU packages.
requirements=scripts/requirements-dev.txt
stamp=.venv/.requirements.stamp
if ! cmp -s "$requirements" "$stamp"; then
  say "installing Python dependencies (torch is a large download)"
  if ! .venv/bin/python -c 'import torch' 2>/dev/null; then
    index=()
    # Where only the default index is configured, the CPU build has an index of its own.
    [ -n "${SECATEUR_TORCH_INDEX:-}" ] && index=(--index-url "$SECATEUR_TORCH_INDEX")
    .venv/bin/python -m pip install -q "${index[@]}" "torch==2.13.0"
  fi
  .venv/bin/python -m pip install -q -r "$requirements"
  cp "$requirements" "$stamp"
fi

# The package itself, editable: Python sources are used in place, the extension is rebuilt when C++ changed.
sources=$(find csrc cmake CMakeLists.txt pyproject.toml -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum)
if [ "$(cat .venv/.build.stamp 2>/dev/null)" != "$sources" ] ||
  ! .venv/bin/python -c 'import secateur._core' 2>/dev/null; then
  say "building the runtime"
  .venv/bin/python -m pip install -q --no-build-isolation --no-deps -e .
  echo "$sources" > .venv/.build.stamp
fi
