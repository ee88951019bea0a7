"""The list of devices: kept whole, refused where it cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from secateur import deploy
from secateur.deploy import Entry
from secateur.deploy.registry import settings_file
from secateur.errors import InvalidArgumentError, SaveError


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "settings" / "devices.json"
    monkeypatch.setenv("SECATEUR_DEVICES", str(path))
    return path


def test_devices_come_back_as_they_were_added(settings: Path) -> None:
    assert deploy.listed() == []
    pi = Entry(
        "pi", "pi@10.0.0.7", port=2222, identity="/k", ssh_config="/c", folder="f g", launcher="nice -n 1"
    )
    phone = Entry("phone", "R58M12", "adb", folder="/data/local/tmp/x")
    deploy.add(pi)
    deploy.add(phone)
    assert deploy.listed() == [pi, phone]
    assert deploy.find("phone") == phone
    with pytest.raises(InvalidArgumentError, match="'pi' is there already"):
        deploy.add(Entry("pi", "other"))
    deploy.add(Entry("pi", "other"), replace=True)
    assert [entry.address for entry in deploy.listed()] == ["other", "R58M12"]
    assert deploy.remove("pi").address == "other"
    assert deploy.listed() == [phone]
    assert json.loads(settings.read_text())["schema"] == "secateur-devices/1"


def test_an_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(InvalidArgumentError, match="'pi'; there are: none yet"):
        deploy.find("pi")
    deploy.add(Entry("board", "b"))
    with pytest.raises(InvalidArgumentError, match="'pi'; there are: board"):
        deploy.remove("pi")


@pytest.mark.parametrize(
    "address",
    ["-oProxyCommand=touch x", "", "a b", "me@", "@host", "me@-x", "a\nb", "me@host/x", "h'$(x)'", "-h@x"],
)
def test_an_address_is_no_option_and_no_command(address: str) -> None:
    with pytest.raises(InvalidArgumentError, match="an address is host or user@host"):
        Entry("pi", address)


@pytest.mark.parametrize(
    "address", ["pi", "pi@raspberrypi.local", "192.168.1.7", "me@fe80::1%eth0", "_x-1@a-b.c"]
)
def test_addresses(address: str) -> None:
    assert Entry("pi", address).address == address


@pytest.mark.parametrize("name", ["", "-x", "a b", "../x", "a/b", "é", "x" * 65])
def test_names(name: str) -> None:
    with pytest.raises(InvalidArgumentError, match="a device is called by letters"):
        Entry(name, "pi")


@pytest.mark.parametrize("folder", ["", ".", "/", "..", "a/../..", "a\nb"])
def test_folders(folder: str) -> None:
    with pytest.raises(InvalidArgumentError, match="the device's folder"):
        Entry("pi", "pi", folder=folder)


def test_other_fields() -> None:
    with pytest.raises(InvalidArgumentError, match="by ssh or adb, not by 'telnet'"):
        Entry("pi", "pi", "telnet")
    with pytest.raises(InvalidArgumentError, match="not 65536"):
        Entry("pi", "pi", port=65536)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "holds no list of devices"),
        ("[]", "is not of schema secateur-devices/1"),
        ('{"schema": "secateur-devices/2", "devices": []}', "a newer version"),
        (
            '{"schema": "secateur-devices/1", "devices": [{"name": "a"}]}',
            "fields that this version does not know",
        ),
        (
            '{"schema": "secateur-devices/1", "devices": [{"name": "a", "address": "b", "color": 1}]}',
            "does not know",
        ),
        ('{"schema": "secateur-devices/1", "devices": [{"name": "a", "address": "-x"}]}', "an address is"),
    ],
)
def test_a_broken_list_is_refused_and_left(settings: Path, text: str, sentence: str) -> None:
    settings.parent.mkdir()
    settings.write_text(text)
    with pytest.raises(InvalidArgumentError, match=sentence):
        deploy.add(Entry("pi", "pi"))
    assert settings.read_text() == text


def test_settings_that_cannot_be_written(settings: Path) -> None:
    settings.parent.write_text("a file")
    with pytest.raises(SaveError, match="cannot write"):
        deploy.add(Entry("pi", "pi"))


def test_where_the_list_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECATEUR_DEVICES")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/x")
    assert settings_file() == Path("/x/secateur/devices.json")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert settings_file() == Path("/home/me/.config/secateur/devices.json")
