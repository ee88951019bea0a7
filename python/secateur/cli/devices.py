"""`secateur devices`: the boards and phones that models are deployed to."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from secateur.cli.common import Json, print_json, say, size
from secateur.errors import DeviceError, SecateurError

if TYPE_CHECKING:
    from secateur.deploy import Device
    from secateur.deploy.facts import Facts, Sensors


def names(incomplete: str) -> list[str]:
    """Devices that a name in the making may mean: for the shell's completion, which must not fail."""
    from secateur import deploy

    with suppress(SecateurError):
        return [entry.name for entry in deploy.listed() if entry.name.startswith(incomplete)]
    return []


Name = Annotated[str, typer.Argument(metavar="NAME", help="What the device is called.", show_default=False)]
Known = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="What the device is called.", show_default=False, autocompletion=names
    ),
]
Runner = Annotated[
    Path | None,
    typer.Option("--runner", help="secateur-run for that device, where this installation has none."),
]


def add(
    name: Name,
    address: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS",
            help="user@host, or a Host of the ssh configuration; with --adb a serial number.",
            show_default=False,
        ),
    ],
    port: Annotated[int, typer.Option("--port", min=0, help="Of ssh; 0: its own settings.")] = 0,
    identity: Annotated[str, typer.Option("--identity", help="File of the private key.")] = "",
    ssh_config: Annotated[str, typer.Option("--ssh-config", help="Configuration file of ssh.")] = "",
    adb: Annotated[bool, typer.Option("--adb", help="An Android device, by its debug bridge.")] = False,
    folder: Annotated[
        str, typer.Option("--folder", help="Where files lie there; by default .secateur in the home folder.")
    ] = "",
    launcher: Annotated[
        str, typer.Option("--launcher", help="Command there to start the program by, such as 'taskset -c 3'.")
    ] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Also where the name is taken.")] = False,
    check: Annotated[bool, typer.Option("--check/--no-check", help="Connect to it first.")] = True,
    json: Json = False,
) -> None:
    """Name a device, and see that it can be reached.

    Example: secateur devices add pi pi@raspberrypi.local
    """
    from dataclasses import replace as replace_fields

    from secateur import deploy
    from secateur.deploy.facts import target_of
    from secateur.deploy.registry import ADB_FOLDER, SSH_FOLDER

    entry = deploy.Entry(
        name,
        address,
        "adb" if adb else "ssh",
        port,
        str(Path(identity).expanduser().absolute()) if identity else "",
        str(Path(ssh_config).expanduser().absolute()) if ssh_config else "",
        folder or (ADB_FOLDER if adb else SSH_FOLDER),
        launcher,
    )
    facts: Facts | None = None
    if check:
        with deploy.connect(entry) as device:
            facts = device.facts()
        entry = replace_fields(entry, target=target_of(facts))
    deploy.add(entry, replace=replace)
    if json:
        print_json({"device": asdict(entry), "facts": facts.to_dict() if facts else None})
    else:
        say(f"{name} is {address}" + (f": {_what(facts)}" if facts else ", not yet reached"))


def list_devices(json: Json = False) -> None:
    """List the devices that were added.

    Example: secateur devices list
    """
    from secateur import deploy
    from secateur.deploy.registry import profile_file

    entries = deploy.listed()
    if json:
        print_json({"devices": [asdict(entry) for entry in entries]})
    elif not entries:
        say("no devices yet: secateur devices add pi pi@raspberrypi.local")
    for entry in entries if not json else ():
        port = f", port {entry.port}" if entry.port else ""
        tuned = ", tuned" if profile_file(entry.name).exists() else ""
        say(f"{entry.name}  {entry.address} by {entry.transport}{port}, folder {entry.folder}{tuned}")


def remove(name: Known, json: Json = False) -> None:
    """Forget a device; what was deployed there stays (`secateur deploy --remove` takes it away).

    Example: secateur devices remove pi
    """
    from secateur import deploy

    entry = deploy.remove(name)
    if json:
        print_json({"removed": asdict(entry)})
    else:
        say(f"{name} ({entry.address}) is forgotten")


def doctor(name: Known, runner: Runner = None, json: Json = False) -> None:
    """Show what a device is and how it is doing: cores, governor, throttling, temperature, memory, disk, and
    which kernels it runs.

    Example: secateur devices doctor pi
    """
    from secateur import deploy

    with deploy.connect(deploy.find(name)) as device:
        facts = device.facts()
        isa, why_not = _isa(device, runner)
    told = advice(facts)
    if json:
        print_json({"device": name, "facts": facts.to_dict(), "isa": isa, "advice": told})
        return
    free = f"{size(facts.available_bytes)} of {size(facts.memory_bytes)} free"
    rows = {
        "machine": _what(facts),
        "system": ", ".join(filter(None, (facts.system, facts.kernel))),
        "kernels": isa or f"unknown: {why_not}",
        "governor": facts.governor or "does not say",
        "clock": _clock(facts),
        "now": now(facts.sensors),
        "memory": free if facts.memory_bytes else "does not say",
        "disk": f"{size(facts.disk_free_bytes)} free" if facts.disk_free_bytes else "does not say",
    }
    for title, text in rows.items():
        say(f"{title:9} {text}")
    for line in told:
        say(f"- {line}")


def _isa(device: Device, runner: Path | None) -> tuple[str, str]:
    """(the instruction set whose kernels run there, or why that cannot be told)."""
    import numpy as np

    from secateur.deploy.measure import OnDevice
    from secateur.deploy.runner import find_runner
    from secateur.runtime.examples import relu_model

    try:
        program = find_runner(device.machine, runner, device=device.entry.name)
        device.put(program, "secateur-run", mode="700")
        with device.workspace() as workspace:
            model = workspace.write("relu.sct", relu_model((1, 1, 1, 4)))
            on = OnDevice(device, workspace, model, [np.zeros((1, 1, 1, 4), np.float32)], [])
            report, _ = on.round(1)
    except DeviceError as error:
        return "", str(error).partition(": ")[2]
    return str(report["isa"]), ""


def _what(facts: Facts) -> str:
    kinds = [f"{facts.cores.count(kind)}x {kind}" for kind in dict.fromkeys(facts.cores)]
    return ", ".join(filter(None, (facts.board, " + ".join(kinds), facts.machine))) or "does not say"


def _clock(facts: Facts) -> str:
    current, most = facts.sensors.mhz, facts.max_mhz
    if current is None or most is None:
        return f"{current or most:.0f} MHz" if current or most else "does not say"
    return f"{current:.0f} of {most:.0f} MHz"


def now(sensors: Sensors) -> str:
    """Temperature and throttling in words.

    >>> from secateur.deploy.facts import Sensors
    >>> now(Sensors(61.25, 1500.0, ("throttled",))), now(Sensors())
    ('61.2 °C, throttled', 'temperature unknown, nothing slows it')
    """
    warm = "temperature unknown" if sensors.celsius is None else f"{sensors.celsius:.1f} °C"
    return f"{warm}, {', '.join(sensors.throttling) or 'nothing slows it'}"


def advice(facts: Facts) -> list[str]:
    """What would make measurements there faster or steadier, one sentence each."""
    from secateur.deploy.facts import target_of

    lines: list[str] = []
    if facts.sensors.throttling:
        lines.append(
            f"it is slowed down now ({', '.join(facts.sensors.throttling)}): cool it, look at its supply"
        )
    elif facts.sensors.throttled_before:
        lines.append(
            f"since it was started it has been slowed down: {', '.join(facts.sensors.throttled_before)}"
        )
    if facts.governor and facts.governor != "performance":
        lines.append(
            f"its governor is {facts.governor}: times are steadier with performance (echo performance | "
            "sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor)"
        )
    if facts.machine == "aarch64" and facts.bits == 32:
        lines.append(
            "its system has 32 bits, its kernel 64: secateur-run for aarch64 runs there all the same"
        )
    if 0 < facts.available_bytes < 100_000_000:
        lines.append(f"only {size(facts.available_bytes)} of memory are free")
    lines.append(f"compile for it by --target {target_of(facts)}, or by its name")
    return lines


VERBS: dict[str, Any] = {"add": add, "list": list_devices, "remove": remove, "doctor": doctor}
