#!/usr/bin/env bash
# Makes the sandbox that AArch64 programs are counted in, on an x86-64 Debian 12 machine. Needs root;
# half a minute and 350 MB. A second call reuses what is there.
#
#   setup.sh DIR
#
# DIR/rootfs           an AArch64 Debian 12 userland (unpacked, never booted) with Python 3.11, NumPy
#                      and ai-edge-litert, the rival engine
# DIR/qemu-aarch64     user-mode QEMU 7.2 that takes plugins (the static package does not)
# DIR/count_plugin.so  the counting plugin
set -euo pipefail

if [ $# -ne 1 ]; then sed -n '2,10p' "$0" >&2; exit 2; fi
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"

say() { printf '== %s\n' "$*"; }
fail() { echo "setup.sh: $*" >&2; exit 1; }

packages=(mmdebstrap xz-utils gcc libc6-dev libglib2.0-dev pkg-config libcapstone4 liburing2 llvm-19
  g++-aarch64-linux-gnu python3-pip dpkg-dev)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ] || [ ! -d rootfs ]; then
  [ "$(id -u)" -eq 0 ] || fail "run it as root (it unpacks a userland; packages missing: ${missing[*]:-none})"
fi
if [ ${#missing[@]} -gt 0 ]; then
  say "installing ${missing[*]}"
  apt-get -qq update
  apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi

# The mirror that this machine's own packages come from.
mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' |
  awk '$2 == "bookworm" {print $1; exit}')
[ -n "$mirror" ] || fail "this is for Debian 12 (bookworm); apt knows no such source"

if [ ! -d rootfs ]; then
  say "unpacking the AArch64 userland"
  mmdebstrap -q --architectures=arm64 --variant=extract \
    --include=base-files,python3,libpython3-dev,libstdc++6,libgomp1 bookworm rootfs.partial "$mirror"
  mv rootfs.partial rootfs
fi

modules=rootfs/usr/local/lib/python3.11/dist-packages
if [ ! -d $modules/ai_edge_litert ]; then
  say "installing the rival engine into it"
  python3 -m pip install -q --no-compile --target $modules \
    --platform manylinux_2_34_aarch64 --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 \
    --platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64 \
    --python-version 3.11 --implementation cp --abi cp311 --abi abi3 --abi none --only-binary=:all: \
    'numpy<2' 'ai-edge-litert==2.3.0'
fi

if [ ! -x qemu-aarch64 ]; then
  say "unpacking QEMU with plugins"
  mkdir -p unpack
  (cd unpack && apt-get -qq download qemu-user 2>/dev/null && dpkg-deb -x qemu-user_*.deb .)
  cp unpack/usr/bin/qemu-aarch64 .
  rm -rf unpack
fi

if [ ! -f qemu-plugin.h ]; then
  say "taking the plugin header from QEMU's source package"
  mkdir -p source/lists/partial source/cache/archives/partial
  echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm main" >source/sources.list
  apt=(apt-get -qq -o "Dir::Etc::sourcelist=$PWD/source/sources.list" -o Dir::Etc::sourceparts=-
    -o "Dir::State::lists=$PWD/source/lists" -o "Dir::Cache=$PWD/source/cache")
  "${apt[@]}" update
  (cd source && "${apt[@]}" source --download-only qemu 2>/dev/null)
  tar -xJf source/qemu_*.orig.tar.xz -O --wildcards '*/include/qemu/qemu-plugin.h' >qemu-plugin.h.partial
  mv qemu-plugin.h.partial qemu-plugin.h
  rm -rf source
fi

say "building the counting plugin"
# shellcheck disable=SC2046
gcc -O2 -Wall -Wextra -Werror -shared -fPIC -I. $(pkg-config --cflags glib-2.0) \
  "$here/count_plugin.c" -o count_plugin.so $(pkg-config --libs glib-2.0)
say "done: $PWD"
