"""What devices are asked to do: POSIX sh, run by `Transport.run`, whose words are $1, $2, ...

They use what coreutils, busybox and Android's toybox have in common.
"""

from __future__ import annotations

# The SHA-256 of a file, by whichever program is there.
_SUM = """
if command -v sha256sum >/dev/null 2>&1; then tool=sha256sum
elif command -v shasum >/dev/null 2>&1; then tool="shasum -a 256"
elif command -v openssl >/dev/null 2>&1; then tool="openssl dgst -sha256"
else echo "there is no sha256sum, shasum or openssl to check files with" >&2; exit 1
fi
sum_of() { $tool < "$1" | sed 's/.*= *//; s/ .*//'; }
"""

# $1 folder, $2 file, $3 its .part. The folder is made; prints the file's sum, the part's bytes, the disk's
# state.
LOOK = (
    _SUM
    + """
umask 077
mkdir -p -- "$1" && cd -- "$1" || exit 1
[ -w . ] || { echo "$1: Permission denied" >&2; exit 1; }
for old in ".$2."*.part; do [ "$old" = "$3" ] || rm -f -- "$old"; done
echo "sum=$([ -f "./$2" ] && sum_of "./$2")"
echo "part=$([ -f "./$3" ] && wc -c < "./$3")"
echo "disk=$(df -Pk . 2>/dev/null | tail -n 1)"
"""
)

# $1 folder, $2 file, $3 its .part, $4 sum, $5 bytes, $6 mode. Reads what the part lacks; the file is renamed
# into place when it is whole. Status 75: cut short, the part stays; 65: damaged, the part is gone.
PUT = (
    _SUM
    + """
umask 077
cd -- "$1" || exit 1
cat >> "./$3" || { rm -f -- "./$3"; exit 1; }
[ "$(wc -c < "./$3")" -eq "$5" ] || exit 75
[ "$(sum_of "./$3")" = "$4" ] || { rm -f -- "./$3"; exit 65; }
chmod "$6" "./$3" && mv -f -- "./$3" "./$2"
"""
)

# $1 folder, $2... files. Takes them away, then the folder when nothing is left; prints what it took, and
# what is left.
REMOVE = """
cd -- "$1" 2>/dev/null || exit 0
shift
for name; do
  for file in "./$name" "./.$name."*.part; do
    if [ -f "$file" ]; then rm -f -- "$file" || exit 1; echo "gone=${file#./}"; fi
  done
done
"""

# $1 folder. Everything that we put there; files of others stay.
REMOVE_ALL = """
cd -- "$1" 2>/dev/null || exit 0
for file in ./secateur-run ./secateur-tune ./litert-benchmark_model ./*.sct ./.*.part ./run.*; do
  if [ -e "$file" ]; then rm -rf -- "$file" || exit 1; echo "gone=${file#./}"; fi
done
here=$(pwd)
cd .. && rmdir -- "$here" 2>/dev/null || echo "left=$here"
"""

# $1 folder. A place for one command's files; what killed ones left more than a day ago goes.
WORKSPACE = """
umask 077
mkdir -p -- "$1" && cd -- "$1" || exit 1
find . -maxdepth 1 -name 'run.*' -mtime +0 -exec rm -rf -- {} + 2>/dev/null
mktemp -d run.XXXXXXXX
"""

# $1 folder, $2 file, $3 bytes.
WRITE = """
cd -- "$1" || exit 1
cat > "./$2" && [ "$(wc -c < "./$2")" -eq "$3" ] && exit 0
rm -f -- "./$2"
echo "No space left on device" >&2
exit 1
"""

READ = 'cd -- "$1" && cat "./$2"'
DISCARD = 'cd -- "$1" 2>/dev/null && rm -rf -- "./$2"'

# Temperatures (thousandths of a degree, with the sensor's name), clocks (kHz), power (microwatts; of supplies
# also microamperes and microvolts; none of a battery that is charged), what throttles. $R: "" or, in tests,
# the root of other files.
SENSORS = r"""
value() { [ -r "$1" ] && tr -d '\000' < "$1" 2>/dev/null | head -n 1; }
sensors() {
  for zone in "$R"/sys/class/thermal/thermal_zone*; do
    degrees=$(value "$zone/temp") && echo "@temperature=$degrees $(value "$zone/type")"
  done
  for clock in "$R"/sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq; do
    khz=$(value "$clock") && echo "@khz=$khz"
  done
  for meter in "$R"/sys/class/hwmon/hwmon*/power*_input; do
    microwatts=$(value "$meter") && echo "@microwatts=$microwatts $(value "${meter%/*}/name")"
  done
  for supply in "$R"/sys/class/power_supply/*; do
    [ "$(value "$supply/status")" = Charging ] && continue
    if microwatts=$(value "$supply/power_now"); then echo "@microwatts=$microwatts ${supply##*/}"
    elif current=$(value "$supply/current_now"); then
      echo "@supply=$current $(value "$supply/voltage_now") ${supply##*/}"
    fi
  done
  for cooler in "$R"/sys/class/thermal/cooling_device*; do
    state=$(value "$cooler/cur_state") && [ "$state" != 0 ] && echo "@cooling=$state $(value "$cooler/type")"
  done
  if [ -z "$R" ] && command -v vcgencmd >/dev/null 2>&1; then echo "@$(vcgencmd get_throttled 2>/dev/null)"
  else
    bits=$(value "$R/sys/devices/platform/soc/soc:firmware/get_throttled") && echo "@throttled=0x${bits#0x}"
  fi
}
"""

# $1 folder, $2... a command. Runs it between two looks at the sensors, with one every two seconds while it
# runs (to the standard error, each begins with @look), and ends it when nobody waits any more: the standard
# input ends.
MEASURE = (
    "R=\n"
    + SENSORS
    + """
cd -- "$1" || exit 1
shift
sensors
exec 3<&0
"$@" </dev/null &
program=$!
{ cat <&3 >/dev/null; kill "$program"; } >/dev/null 2>&1 &
watch=$!
while sleep 2 </dev/null >/dev/null 2>&1; do echo "@look=" >&2; sensors >&2; done &
looks=$!
wait "$program"
status=$?
kill "$watch" "$looks" 2>/dev/null
wait "$looks" 2>/dev/null
echo "@after"
sensors
exit "$status"
"""
)

# $1 folder, $2 root of the files that are read ("").
FACTS = (
    "R=$2\n"
    + SENSORS
    + r"""
echo "@machine=$(uname -m)"
echo "@kernel=$(uname -s) $(uname -r)"
[ -r "$R/etc/os-release" ] && . "$R/etc/os-release" && echo "@system=$PRETTY_NAME"
[ -z "$R" ] && command -v getprop >/dev/null 2>&1 && {
  echo "@system=Android $(getprop ro.build.version.release)"; echo "@board=$(getprop ro.product.model)"; }
board=$(value "$R/proc/device-tree/model") && echo "@board=$board"
for cpu in "$R"/sys/devices/system/cpu/cpu[0-9]*; do
  [ -d "$cpu" ] || continue
  echo "@core=$(value "$cpu/regs/identification/midr_el1") $(value "$cpu/cpufreq/cpuinfo_max_freq")"
done
governor=$(value "$R/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") && echo "@governor=$governor"
sed -n 's/^MemTotal: */@memory_kb=/p; s/^MemAvailable: */@available_kb=/p' "$R/proc/meminfo"
bits=$(getconf LONG_BIT 2>/dev/null) && echo "@bits=$bits"
folder=$1
[ -d "$folder" ] || folder=.
echo "@disk=$(df -Pk "$folder" 2>/dev/null | tail -n 1)"
sensors
sed -n '/^\(model name\|Model\|CPU implementer\|CPU part\|flags\|Features\)[[:space:]]*:/p' "$R/proc/cpuinfo"
exit 0
"""
)
