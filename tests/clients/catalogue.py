"""The programs, the environment that each runs in, and the clients that it uses."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
INSTALLED = ROOT / ".clients"
_STAMP = ".installed"


class NotInstalled(Exception):
    """An environment cannot be made: its language is not on this machine, or its registry was not reached."""


class Way(StrEnum):
    """How a program comes to the embedded Azure."""

    PROXY = "proxy"
    """By `HTTPS_PROXY`, or the option that its clients have for a proxy. No name resolves."""
    DOOR = "door"
    """By `--listen`: the names of Azure lead to this machine, at Azure's own ports."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What a program needs: a folder of `tests/clients` whose manifests say it exactly, installed with the language's own client.

    `commands` install into the folder that they run in, to which the manifests are copied; the first word of each is looked for.
    """

    folder: str
    manifests: Sequence[str]
    commands: Sequence[Sequence[str]]

    @property
    def place(self) -> Path:
        """Where it is installed."""
        return INSTALLED / self.folder.replace("/", "-")

    def version(self, package: str) -> str:
        """The version of a package that the manifests pin. Raises `ValueError` if they name none."""
        pinned = re.compile(re.escape(package) + r'(?:==|": "|</artifactId>\s*<version>| v)(\d[^\s"<]*)')
        for name in self.manifests:
            if found := pinned.search((HERE / self.folder / name).read_text()):
                return found[1]
        raise ValueError(f"{self.folder} pins no {package}")

    def install(self) -> None:
        """Installs it, unless just this is installed. Raises `NotInstalled`."""
        contents = [(HERE / self.folder / name).read_bytes() for name in self.manifests]
        wanted = hashlib.sha256(b"\0".join([*contents, repr(self.commands).encode()])).hexdigest()
        stamp = self.place / _STAMP
        if stamp.exists() and stamp.read_text() == wanted:
            return
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir(parents=True)
        for name, content in zip(self.manifests, contents, strict=True):
            target = self.place / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        for command in self.commands:
            self._run(command)
        stamp.write_text(wanted)

    def _run(self, command: Sequence[str]) -> None:
        if shutil.which(command[0], path=None) is None and not (self.place / command[0]).exists():
            raise NotInstalled(f"{command[0]} is not on this machine")
        try:
            done = subprocess.run(
                command, cwd=self.place, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False
            )
        except subprocess.TimeoutExpired as cause:
            raise NotInstalled(f"{command[0]}: no end after ten minutes") from cause
        if done.returncode:
            last = next((line for line in reversed((done.stderr + done.stdout).splitlines()) if line.strip()), "it failed")
            raise NotInstalled(f"{command[0]}: {last.strip()}")


@dataclass(frozen=True, slots=True)
class Client:
    """A row of the table: a client as its programs call it, and its package (name empty: the same)."""

    name: str
    language: str
    package: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """A program of one environment, with its clients; `devices`: how many devices of its own it registers."""

    name: str
    environment: Environment
    command: Sequence[str]
    clients: Sequence[Client]
    way: Way
    devices: int = 0


def _venv(folder: str) -> Environment:
    pip = ("bin/python", "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--requirement", "requirements.txt")
    return Environment(f"python/{folder}", ["requirements.txt"], [("python3", "-m", "venv", "."), pip])


def _python(name: str, environment: Environment, clients: Sequence[Client], *, way: Way = Way.PROXY, devices: int = 0) -> Program:
    command = (str(environment.place / "bin/python"), str(HERE / environment.folder / f"{name}.py"))
    return Program(name, environment, command, clients, way, devices)


def _node(name: str, *clients: Client, way: Way, devices: int = 0) -> Program:
    return Program(name, _NODE, ("node", str(HERE / "node" / f"{name}.js")), clients, way, devices)


def _java(name: str, *clients: Client, devices: int = 0) -> Program:
    classes = f"{_JAVA.place}/target/classes:{_JAVA.place}/target/dependency/*"
    return Program(name, _JAVA, ("java", "-cp", classes, name), clients, Way.DOOR, devices)


_IOT, _PAHO = _venv("iot"), _venv("paho")
_NODE = Environment("node", ["package.json", "package-lock.json"], [("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")])
_JAVA = Environment(
    "java",
    ["pom.xml", *(f"src/main/java/{name}.java" for name in ("Saying", "JavaDevices", "JavaServices"))],
    [("mvn", "-B", "-q", "compile", "dependency:copy-dependencies")],
)
_GO = Environment("go", ["go.mod", "go.sum", "go_management.go"], [("go", "build", "-o", "go_management", ".")])

_DEVICE, _HUB, _DPS = (Client(name, "Python") for name in ("azure-iot-device", "azure-iot-hub", "azure-iot-deviceprovisioning"))
_OVER_WEBSOCKETS = Client("azure-iot-device over WebSockets", "Python", _DEVICE.name)
_NODE_HUB = Client("azure-iothub", "Node")
_JAVA_HUB = Client("iot-service-client", "Java")
_MANAGEMENT = (
    "@azure/identity",
    "@azure/arm-resources",
    "@azure/arm-iothub",
    "@azure/arm-deviceprovisioningservices",
    "@azure/arm-keyvault",
    "@azure/keyvault-certificates",
    "@azure/keyvault-secrets",
    "@azure/keyvault-keys",
)
PROGRAMS = (
    _python("devices", _IOT, [_DEVICE, _OVER_WEBSOCKETS, _HUB], devices=2),
    _python("services", _IOT, [_HUB, _DPS]),
    _python("amqp", _IOT, [_HUB], way=Way.DOOR),
    _python("by_hand", _PAHO, [Client("paho-mqtt", "Python")], way=Way.DOOR, devices=2),
    _python("by_az", _venv("az"), [Client("azure-cli", "Python")]),
    _node("node_management", *(Client(name, "Node") for name in _MANAGEMENT), way=Way.PROXY),
    _node(
        "node_devices",
        Client("azure-iot-provisioning-device-http", "Node"),
        Client("azure-iot-provisioning-device-mqtt", "Node"),
        Client("azure-iot-device-http", "Node"),
        Client("azure-iot-device-mqtt", "Node"),
        Client("azure-iot-device-mqtt over WebSockets", "Node", "azure-iot-device-mqtt"),
        _NODE_HUB,
        way=Way.DOOR,
        devices=3,
    ),
    _node("node_services", _NODE_HUB, Client("azure-iot-provisioning-service", "Node"), way=Way.DOOR),
    _java(
        "JavaDevices",
        Client("provisioning-device-client", "Java"),
        Client("iot-device-client", "Java"),
        Client("iot-device-client over WebSockets", "Java", "iot-device-client"),
        Client("iot-device-client over HTTPS", "Java", "iot-device-client"),
        _JAVA_HUB,
        devices=3,
    ),
    _java("JavaServices", _JAVA_HUB, Client("provisioning-service-client", "Java")),
    Program(
        "go_management",
        _GO,
        [str(_GO.place / "go_management")],
        [Client(name, "Go") for name in ("azidentity", "armiothub", "armdeviceprovisioningservices", "azcertificates")],
        Way.PROXY,
    ),
)
