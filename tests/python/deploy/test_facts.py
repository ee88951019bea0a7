"""What devices say of themselves: the script on made-up file systems, and programs for devices."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from secateur.deploy.facts import Facts, Sensors, disk_free, facts
from secateur.deploy.runner import architecture_of, find_runner
from secateur.deploy.scripts import FACTS
from secateur.errors import DeviceError, InvalidArgumentError

PI4 = {
    "proc/cpuinfo": "".join(
        f"processor\t: {i}\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm crc32 cpuid\n"
        "CPU implementer\t: 0x41\nCPU part\t: 0xd08\n\n"
        for i in range(4)
    ),
    "proc/meminfo": "MemTotal:        3884360 kB\nMemFree:  1 kB\nMemAvailable:    3291324 kB\n",
    "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
    "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n',
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "600000\n",
    "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "1500000\n",
    "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "1800000\n",
    "sys/class/thermal/thermal_zone0/temp": "61834\n",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone1/temp": "90000\n",
    "sys/class/thermal/thermal_zone1/type": "battery\n",
    "sys/class/hwmon/hwmon0/name": "ina226\n",
    "sys/class/hwmon/hwmon0/power1_input": "3250000\n",
    "sys/class/power_supply/usb/current_now": "500000\n",
    "sys/class/power_supply/usb/voltage_now": "5000000\n",
    "sys/class/power_supply/charged/power_now": "9000000\n",
    "sys/class/power_supply/charged/status": "Charging\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "50004\n",
}
# A phone of big and little cores: the kernel gives each one's MIDR, /proc/cpuinfo only those that are awake.
PHONE = {
    "proc/cpuinfo": "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd05\nHardware\t: Board\n",
    "proc/meminfo": "MemTotal: 100 kB\n",
    **{
        f"sys/devices/system/cpu/cpu{i}/regs/identification/midr_el1": f"0x00000000{midr}\n"
        for i, midr in enumerate(["412fd050", "412fd050", "411fd410", "411fd440"])
    },
    "sys/devices/system/cpu/cpu3/cpufreq/cpuinfo_max_freq": "2841600\n",
    "sys/class/thermal/cooling_device0/type": "thermal-cpufreq-0\n",
    "sys/class/thermal/cooling_device0/cur_state": "3\n",
    "sys/class/thermal/cooling_device1/type": "thermal-cpufreq-1\n",
    "sys/class/thermal/cooling_device1/cur_state": "0\n",
}
PC = {
    "proc/cpuinfo": "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nflags\t\t: fpu avx2 fma\n",
    "proc/meminfo": "MemTotal: 8000 kB\n",
}


def read(root: Path, files: dict[str, str]) -> Facts:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    done = subprocess.run(
        ["sh", "-c", FACTS, "sh", str(root), str(root)], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return facts(done.stdout)


def test_a_raspberry_pi(tmp_path: Path) -> None:
    found = read(tmp_path, PI4)
    assert found.board == "Raspberry Pi 4 Model B Rev 1.4"
    assert found.system == "Debian GNU/Linux 12 (bookworm)"
    assert found.cores == ("Cortex-A72",) * 4
    assert found.features == ("fp", "asimd", "evtstrm", "crc32", "cpuid")
    assert (found.governor, found.max_mhz) == ("ondemand", 1800.0)
    assert (found.memory_bytes, found.available_bytes) == (3884360 * 1024, 3291324 * 1024)
    assert found.sensors == Sensors(61.834, 1500.0, ("throttled",), ("under-voltage", "throttled"), 3.25)
    assert found.disk_free_bytes > 0


def test_a_phone(tmp_path: Path) -> None:
    found = read(tmp_path, PHONE)
    assert found.cores == ("Cortex-A55", "Cortex-A55", "Cortex-A78", "Cortex-X1")
    assert found.arm_cores == ["Cortex-X1", "Cortex-A78", "Cortex-A55"]
    assert found.max_mhz == 2841.6
    assert found.sensors == Sensors(None, None, ("thermal-cpufreq-0",))


def test_what_says_little(tmp_path: Path) -> None:
    found = read(tmp_path, PC)
    assert found.cores == ("Some CPU @ 2 GHz",)
    assert found.features == ("fpu", "avx2", "fma")
    assert (found.board, found.system, found.governor, found.max_mhz) == ("", "", "", None)
    assert found.sensors == Sensors()


def test_nothing_is_an_answer_too() -> None:
    assert facts("") == Facts()


@pytest.mark.parametrize(
    ("line", "free"),
    [
        ("/dev/root 100 60 40 60% /", 40 * 1024),
        ("overlay a b 100 60 40 60% /with space", 40 * 1024),
        ("tmpfs 0 0 0 - /x", 0),
        ("", 0),
        ("df: nonsense", 0),
    ],
)
def test_disk_free(line: str, free: int) -> None:
    assert disk_free(line) == free


def elf(path: Path, bits: int, machine: int) -> Path:
    header = bytearray(64)
    header[:6] = b"\x7fELF" + bytes([bits, 1])
    header[18:20] = machine.to_bytes(2, "little")
    path.write_bytes(header)
    return path


@pytest.mark.parametrize(
    ("bits", "machine", "name"),
    [(2, 183, "aarch64"), (1, 40, "armv7l"), (2, 62, "x86_64"), (2, 243, "riscv64")],
)
def test_the_architecture_of_a_program(tmp_path: Path, bits: int, machine: int, name: str) -> None:
    assert architecture_of(elf(tmp_path / "p", bits, machine)) == name


def test_what_is_no_program(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("#!/bin/sh\n")
    for path, why in ((tmp_path / "p", "no ELF file"), (tmp_path / "none", "No such file")):
        with pytest.raises(InvalidArgumentError, match=why):
            architecture_of(path)
    with pytest.raises(InvalidArgumentError, match=r"another kind of machine \(ELF 2, 32-bit\)"):
        architecture_of(elf(tmp_path / "sparc", 1, 2))


def test_the_program_for_a_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arm = elf(tmp_path / "secateur-run-aarch64", 2, 183)
    monkeypatch.setattr("secateur.deploy.runner.FOLDER", tmp_path)
    assert find_runner("aarch64") == arm
    assert find_runner("arm64") == arm
    assert find_runner("aarch64", arm) == arm
    with pytest.raises(DeviceError, match=r"pi: it is x86_64, .*`make runner TARGET=x86_64`"):
        find_runner("x86_64", device="pi")
    with pytest.raises(DeviceError, match=r"pi: it is x86_64, and .* is a program for aarch64"):
        find_runner("x86_64", arm, device="pi")
    with pytest.raises(DeviceError, match="no secateur-run for mips"):
        find_runner("mips")
