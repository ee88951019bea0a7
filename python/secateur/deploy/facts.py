"""What a device is and how it is doing, read from what `scripts.FACTS` and `scripts.SENSORS` print."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from secateur.passes.cost_model import CORES

# MIDR part numbers of Arm Ltd (implementer 0x41), as in Linux' arch/arm64/include/asm/cputype.h.
ARM_PARTS = {
    0xC05: "Cortex-A5", 0xC07: "Cortex-A7", 0xC08: "Cortex-A8", 0xC09: "Cortex-A9", 0xC0E: "Cortex-A17",
    0xC0F: "Cortex-A15", 0xD01: "Cortex-A32", 0xD03: "Cortex-A53", 0xD04: "Cortex-A35", 0xD05: "Cortex-A55",
    0xD07: "Cortex-A57", 0xD08: "Cortex-A72", 0xD09: "Cortex-A73", 0xD0A: "Cortex-A75", 0xD0B: "Cortex-A76",
    0xD0C: "Neoverse-N1", 0xD0D: "Cortex-A77", 0xD40: "Neoverse-V1", 0xD41: "Cortex-A78", 0xD44: "Cortex-X1",
    0xD46: "Cortex-A510", 0xD47: "Cortex-A710", 0xD48: "Cortex-X2", 0xD49: "Neoverse-N2",
    0xD4B: "Cortex-A78C",
    0xD4D: "Cortex-A715", 0xD4E: "Cortex-X3", 0xD4F: "Neoverse-V2", 0xD80: "Cortex-A520",
    0xD81: "Cortex-A720",
    0xD82: "Cortex-X4", 0xD85: "Cortex-X925", 0xD87: "Cortex-A725", 0xD8E: "Neoverse-N3",
}  # fmt: skip

# Bits of the Raspberry Pi's get_throttled, as its documentation of vcgencmd has them; from bit 16 on the
# same since the board was started.
THROTTLED = {0: "under-voltage", 1: "clock capped", 2: "throttled", 3: "soft temperature limit"}


@dataclass(frozen=True)
class Sensors:
    """One look: the warmest sensor of the CPU in degrees Celsius, the fastest clock in MHz, what slows the
    CPU, and the power in watts of the meter that shows most (rails nest).

    None and empty where the device does not say.
    """

    celsius: float | None = None
    mhz: float | None = None
    throttling: tuple[str, ...] = ()
    throttled_before: tuple[str, ...] = ()  # since the board was started
    watts: float | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def pairs(lines: Iterable[str]) -> list[tuple[str, str]]:
    """(name, value) of the lines "@name=value".

    >>> pairs(["@machine=aarch64", "processor : 0"])
    [('machine', 'aarch64')]
    """
    found = (re.fullmatch(r"@([a-z_]+)=(.*)", line.strip()) for line in lines)
    return [(match[1], match[2].strip()) for match in found if match]


def sensors(lines: Iterable[str]) -> Sensors:
    """
    >>> found = sensors(["@temperature=61300 cpu-thermal", "@khz=600000", "@khz=1500000", "@throttled=0x5"])
    >>> found.celsius, found.mhz, found.throttling, found.throttled_before
    (61.3, 1500.0, ('under-voltage', 'throttled'), ())
    >>> sensors(["@microwatts=3200000 ina226", "@supply=-500000 4000000 battery"]).watts
    3.2
    >>> sensors(["@cooling=2 thermal-cpufreq-0", "@cooling=1 pwm-fan"]).throttling
    ('thermal-cpufreq-0',)
    """
    zones: list[tuple[float, str]] = []
    clocks: list[float] = []
    powers: list[float] = []
    now: list[str] = []
    before: list[str] = []
    for name, value in pairs(lines):
        first, _, rest = value.partition(" ")
        if name == "throttled" and re.fullmatch(r"0x[0-9a-fA-F]+", first):
            bits = int(first, 16)
            now += [word for bit, word in THROTTLED.items() if bits >> bit & 1]
            before += [word for bit, word in THROTTLED.items() if bits >> (bit + 16) & 1]
        elif not re.fullmatch(r"-?\d+", first):
            continue
        elif name == "temperature":
            zones.append((int(first) / 1000, rest))
        elif name == "khz":
            clocks.append(int(first) / 1000)
        elif name == "microwatts":
            powers.append(abs(int(first)) / 1e6)
        elif name == "supply" and re.fullmatch(r"-?\d+", rest.split(" ")[0]):  # microamperes, microvolts
            powers.append(abs(int(first) * int(rest.split(" ")[0])) / 1e12)
        elif name == "cooling" and re.search(r"cpu|processor", rest, re.I):
            now.append(rest)
    of_cpu = [zone for zone in zones if re.search(r"cpu|soc|core|big|little|pkg", zone[1], re.I)] or zones
    return Sensors(
        max((degrees for degrees, _ in of_cpu), default=None),
        max(clocks, default=None),
        tuple(now),
        tuple(before),
        max(filter(None, powers), default=None),
    )


def told(looks: Sequence[tuple[int, Sensors]]) -> dict[str, Any]:
    """Looks as (samples until then, what the sensors said), as reports have them: ranges of temperature,
    clock and power, what slowed the CPU down, and each look.

    >>> found = told([(0, Sensors(50.0, 600.0)), (9, Sensors(61.0, 1500.0, ("throttled",)))])
    >>> found["celsius"], found["throttling"], found["watts"], [look["samples"] for look in found["looks"]]
    ([50.0, 61.0], ['throttled'], None, [0, 9])
    """

    def ends(values: Iterable[float | None]) -> list[float] | None:
        known = [value for value in values if value is not None]
        return [min(known), max(known)] if known else None

    return {
        "celsius": ends(look.celsius for _, look in looks),
        "mhz": ends(look.mhz for _, look in looks),
        "watts": ends(look.watts for _, look in looks),
        "throttling": sorted({word for _, look in looks for word in look.throttling}),
        "looks": [{"samples": count, **look.to_dict()} for count, look in looks],
    }


def in_words(found: dict[str, Any]) -> str:
    """What `told` gave, for people; "" where the machine says nothing.

    >>> in_words(told([(0, Sensors(50.0, 600.0)), (9, Sensors(61.2, 600.0, (), (), 3.25))]))
    '50 to 61 °C, 600 MHz, 3.2 W'
    >>> in_words(told([(0, Sensors(throttling=("throttled",)))]))
    "SLOWED DOWN by throttled: these times are not the machine's best"
    """

    def ends(values: list[float] | None, unit: str, digits: int = 0) -> str:
        if not values:
            return ""
        low, high = (f"{value:.{digits}f}" for value in values)
        return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"

    parts = [ends(found["celsius"], "°C"), ends(found["mhz"], "MHz"), ends(found["watts"], "W", 1)]
    if found["throttling"]:
        slowed = ", ".join(found["throttling"])
        parts.append(f"SLOWED DOWN by {slowed}: these times are not the machine's best")
    return ", ".join(filter(None, parts))


@dataclass(frozen=True)
class Facts:
    """What a device is; None, 0 and "" where it does not say."""

    machine: str = ""
    system: str = ""
    kernel: str = ""
    board: str = ""
    cores: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    bits: int = 0
    max_mhz: float | None = None
    governor: str = ""
    memory_bytes: int = 0
    available_bytes: int = 0
    disk_free_bytes: int = 0
    sensors: Sensors = field(default_factory=Sensors)

    @property
    def arm_cores(self) -> list[str]:
        """Kinds of core that are Arm's, the biggest first: those of the highest clock come last in Linux'
        order."""
        return list(dict.fromkeys(name for name in reversed(self.cores) if name in ARM_PARTS.values()))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def core_name(implementer: int, part: int) -> str:
    """
    >>> core_name(0x41, 0xD08), core_name(0x51, 0x1)
    ('Cortex-A72', 'implementer 0x51, part 0x1')
    """
    known = ARM_PARTS.get(part) if implementer == 0x41 else None
    return known or f"implementer {implementer:#x}, part {part:#x}"


def disk_free(line: str) -> int:
    """Bytes free, of the last line of ``df -Pk``.

    >>> disk_free("/dev/root 30000000 12000000 17000000 42% /")
    17408000000
    """
    words = line.split()
    at = next((i for i, word in enumerate(words) if re.fullmatch(r"\d+%|-", word)), 0)
    return int(words[at - 1]) * 1024 if at >= 1 and words[at - 1].isdigit() else 0


def _cores(lines: list[str], midrs: list[str]) -> tuple[list[str], list[str], str]:
    """(a name for each processor, features, the board) from /proc/cpuinfo, and MIDRs where the kernel gives
    them."""
    names: list[str] = []
    implementer, board = 0, ""
    features: list[str] = []
    for line in lines:
        key, colon, value = (part.strip() for part in line.partition(":"))
        if not colon:
            continue
        if key == "model name":
            names.append(value)
        elif key == "CPU implementer" and value.startswith("0x"):
            implementer = int(value, 16)
        elif key == "CPU part" and value.startswith("0x"):
            if names and not names[-1].startswith(("Cortex-", "Neoverse-", "implementer")):
                names.pop()  # 32-bit kernels say "ARMv7 Processor rev 3 (v7l)" too
            names.append(core_name(implementer, int(value, 16)))
        elif key in {"flags", "Features"} and not features:
            features = value.split()
        elif key == "Model":
            board = value
    known = [int(midr, 16) for midr in midrs if re.fullmatch(r"0x[0-9a-fA-F]+", midr)]
    if known:
        names = [core_name(midr >> 24 & 0xFF, midr >> 4 & 0xFFF) for midr in known]
    return names, features, board


def facts(text: str) -> Facts:
    """What `scripts.FACTS` printed."""
    lines = text.splitlines()
    said = dict(pairs(lines))
    per_core = [value.split() for name, value in pairs(lines) if name == "core"]
    midrs = [words[0] for words in per_core if words and words[0].startswith("0x")]
    clocks = [int(words[-1]) / 1000 for words in per_core if words and words[-1].isdigit()]
    names, features, board = _cores([line for line in lines if not line.startswith("@")], midrs)

    def kilobytes(name: str) -> int:
        first = said.get(name, "").split(" ")[0]
        return int(first) * 1024 if first.isdigit() else 0

    return Facts(
        machine=said.get("machine", ""),
        system=said.get("system", ""),
        kernel=said.get("kernel", ""),
        board=said.get("board", "") or board,
        cores=tuple(names),
        features=tuple(features),
        bits=int(said["bits"]) if said.get("bits", "").isdigit() else 0,
        max_mhz=max(clocks, default=None),
        governor=said.get("governor", ""),
        memory_bytes=kilobytes("memory_kb"),
        available_bytes=kilobytes("available_kb"),
        disk_free_bytes=disk_free(said.get("disk", "")),
        sensors=sensors(lines),
    )


def target_of(facts: Facts) -> str:
    """What to compile for, of the targets that the compiler knows.

    >>> target_of(Facts(machine="aarch64", cores=("Cortex-A55", "Cortex-A76")))
    'cortex-a76'
    >>> target_of(Facts(machine="x86_64")), target_of(Facts(machine="aarch64"))
    ('x86-64', 'aarch64')
    """
    known = [name.lower() for name in facts.arm_cores if name.lower() in CORES]
    return known[0] if known else "x86-64" if facts.machine in ("x86_64", "amd64") else "aarch64"
