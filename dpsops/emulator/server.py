"""The embedded Azure as a server: TLS under Azure's host names, behind a CONNECT proxy, in a thread of its own."""

from __future__ import annotations

import asyncio
import base64
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType

from aiohttp import web
from aiohttp.http import HttpProcessingError

from dpsops.emulator.authority import CRL_FILE, CRL_URL, ensure_certificates
from dpsops.emulator.azure import FAULT, Azure, Dropped
from dpsops.emulator.connections import Connections
from dpsops.emulator.contents import Contents, contents
from dpsops.emulator.control import Control, ControlConnection
from dpsops.emulator.documents import JSON
from dpsops.emulator.door import CannotListen, Door, Listen
from dpsops.emulator.http import Request, Response
from dpsops.emulator.identity.state import OPERATOR, bootstrap, find_application
from dpsops.emulator.log import Log
from dpsops.emulator.mqtt import websocket
from dpsops.emulator.mqtt.connection import MqttServer
from dpsops.emulator.post import Awaited
from dpsops.emulator.proxy import ConnectProxy, File
from dpsops.emulator.services import Message, messages, send
from dpsops.emulator.state import Database
from dpsops.emulator.tls import ServerContexts, TlsConnection
from dpsops.emulator.world import Clock, Timings, World

_HTTPS, _MQTT = "443", "8883"
_STOP_SECONDS = 10.0
_EVERY = "0.0.0.0"  # noqa: S104  # only if somebody asks for it
_GLANCE = 0.05
"""Seconds."""
_QUEUE = 4096  # connections that may wait to be accepted; when it is full, the next one tries again after a second
_MAX_BODY = 8 * 1024 * 1024

_LOG = logging.getLogger(__name__)


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether a failure is the server's own: a request that is no HTTP gets 400 and is not logged, since it may hold a token."""
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)


_LOG.addFilter(_is_ours)


class EmbeddedAzure:
    """An Azure on this machine, for as long as the `with` block lasts.

    `directory` holds its state, its CA certificate and nothing of anyone else's; it is made with mode
    0700. `port` 0 takes any free one. `listen`: where clients that know no proxy are taken, with the ports that they are taken at
    inside the block. `log` is called with each line of the log, in any thread; without it there is none. Inside the block
    `proxy_url` and `authority_file` are what a client needs, beside the credential that `client_secret` completes.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int = 0,
        listen: Listen | None = None,
        clock: Clock | None = None,
        timings: Timings | None = None,
        log: Callable[[str], None] | None = None,
    ) -> None:
        self._directory = directory
        self._port = port
        self.listen = listen
        self._stopping = False
        self.authority_file, server_file = ensure_certificates(directory)
        self._tls = ServerContexts(server_file)
        self.azure = Azure(Database(directory / "azure.sqlite"), clock or Clock(), timings or Timings())
        if log is not None:
            self.azure.log = Log(self.azure.clock, log)
            self.azure.observers.append(self.azure.log.exchange)
        with self.azure.database.transaction() as state:
            bootstrap(World(state, self.azure.clock.now()))
        self._control = Control(self.azure, directory, self._disconnect)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="embedded-azure", daemon=True)

    def __enter__(self) -> EmbeddedAzure:
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        except BaseException:
            self._shut()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with suppress(TimeoutError):  # a client that does not let go
            asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(_STOP_SECONDS)
        self._shut()

    @property
    def proxy_url(self) -> str:
        """What `HTTPS_PROXY` is to be."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def client_secret(self) -> str:
        """The secret of the service principal that owns the subscription."""
        with self.azure.database.transaction() as state:
            application = find_application(World(state, self.azure.clock.now()), OPERATOR.app_id)
        assert application is not None, "the bootstrap registers the operator"
        return application.secret

    def messages(self, host: str, device_id: str) -> list[Message]:
        """What a device has sent to the hub at a host, in its order: the newest 1,000 messages."""
        with self.azure.database.transaction() as state:
            return messages(World(state, self.azure.clock.now()), host, device_id)

    def send(
        self,
        host: str,
        device_id: str,
        body: bytes,
        properties: Mapping[str, str] | None = None,
        system: Mapping[str, str] | None = None,
        *,
        lifetime: float | None = None,
    ) -> None:
        """Sends a device a message, as a service does it over AMQP at the hub at this host. Raises `CannotSend`.

        `system`: system properties by Azure's names, as "messageId", and "ack". `lifetime`: in seconds (None: the hub's default).
        """
        message: JSON = {
            "body": base64.b64encode(body).decode(),
            "properties": dict(properties or {}),
            "system": dict(system or {}),
        }
        with self.azure.transaction() as world:
            if lifetime is not None:
                message["expires"] = world.now + lifetime
            send(world, host.partition(".")[0], device_id, message)

    def snapshot(self, name: str) -> None:
        """Takes a snapshot under this name, in the place of a former one. Raises `snapshots.InvalidName`."""
        self._control.snapshot(name)

    def restore(self, name: str) -> None:
        """Makes everything what it was at a snapshot, and closes the connections of devices and of requests that wait.

        No request is served meanwhile. Raises `snapshots.InvalidName`, `NoSnapshot` and `Damaged`.
        """

        async def restored() -> None:
            self._control.restore(name)

        asyncio.run_coroutine_threadsafe(restored(), self._loop).result()

    def _disconnect(self) -> None:
        self._mqtt.end_all()
        for each in tuple(self._waiting):
            each.abort()

    def contents(self) -> Contents:
        """What is in it."""
        with self.azure.database.transaction() as state:
            return contents(World(state, self.azure.clock.now(), self.azure.timings))

    def open_control(self, path: Path) -> None:
        """Lets the owner of a directory, which nobody else can enter, control this Azure over a socket at `path` in it.

        Raises `OSError` if the path is too long, or its file system has no sockets.
        """
        listener = socket.socket(socket.AF_UNIX)
        try:
            path.unlink(missing_ok=True)  # that of a server which was killed
            listener.bind(str(path))
            path.chmod(0o600)
        except OSError:
            listener.close()
            raise

        async def opened() -> None:
            make = partial(ControlConnection, self._control, self._connections)
            self._listeners.append(await self._loop.create_unix_server(make, sock=listener))

        asyncio.run_coroutine_threadsafe(opened(), self._loop).result()

    async def _start(self) -> None:
        application = web.Application(client_max_size=_MAX_BODY)
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False, logger=_LOG)
        await self._runner.setup()
        assert self._runner.server is not None
        self._http = self._runner.server
        self._mqtt = MqttServer(self.azure)
        self._connections = Connections()
        self._websockets: set[TlsConnection] = set()
        self._waiting: set[TlsConnection] = set()
        self._listeners: list[asyncio.Server] = []
        try:
            await self._open_proxy()
            if self.listen is not None:
                https = await self._open_door(self.listen.address, self.listen.https, _HTTPS)
                mqtt = await self._open_door(self.listen.address, self.listen.mqtt, _MQTT)
                self.listen = Listen(self.listen.address, https, mqtt)
        except BaseException:
            await self._stop()
            raise

    async def _open_proxy(self) -> None:
        """Opens the proxy: for this machine, and for whoever reaches the address that was asked for."""
        revoked = File((self._directory / CRL_FILE).read_bytes(), "application/pkix-crl")
        authority = File(self.authority_file.read_bytes(), "application/x-pem-file")
        files = {"/ca.crl": revoked, CRL_URL: revoked, "/ca.pem": authority}

        def make() -> ConnectProxy:
            return ConnectProxy(self._find_host, self._connections, files)

        address = "127.0.0.1" if self.listen is None else self.listen.address
        first = address if address == _EVERY else "127.0.0.1"  # which is among them
        self._port = await self._accept(_listener(first, self._port), make)
        if address != first:
            await self._accept(_listener(address, self._port), make)

    async def _open_door(self, address: str, port: int, stands_for: str) -> int:
        """Opens a door for one of Azure's ports, and returns its own. Raises `CannotListen`."""
        try:
            door = _listener(address, port)
        except OSError as cause:
            raise CannotListen(address, port, cause.strerror or str(cause)) from cause
        return await self._accept(door, lambda: Door(stands_for, self._find_host, self._connections))

    async def _accept(self, listener: socket.socket, make: Callable[[], asyncio.Protocol]) -> int:
        """Takes connections there from now on; returns the port."""
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio does so only for sockets that it has made itself
        self._listeners.append(await asyncio.get_running_loop().create_server(make, sock=listener))
        listener.listen(
            _QUEUE
        )  # asyncio accepts as many at a time as it lets wait: few at a time is right, few in the queue is not
        return int(listener.getsockname()[1])

    async def _stop(self) -> None:
        self._stopping = True
        for listener in self._listeners:
            listener.close()
        for each in self._websockets:
            each.abort()  # or the runner waits for them
        await self._runner.cleanup()
        await self._connections.abort_all()
        await asyncio.gather(*(task for task in asyncio.all_tasks() if task is not asyncio.current_task()))

    def _find_host(self, host: str, port: str) -> asyncio.Protocol | None:
        if port == _HTTPS and self.azure.resolves(host):
            return TlsConnection(self._tls.of(host), host, self._http, self._connections, self._tell_tls)
        if port == _MQTT and self.azure.speaks_mqtt(host):
            return TlsConnection(self._tls.of(host), host, self._mqtt, self._connections, self._tell_tls)
        if self.azure.log is not None:
            why = "there is nothing at this host and port" if host else "the client names no host in its TLS (SNI)"
            self.azure.log.tell("-", "refused", f"{host}:{port}", why)
        return None

    def _tell_tls(self, host: str, reason: str) -> None:
        if self.azure.log is not None:
            self.azure.log.tell("TLS", "failed", host, reason)

    def _shut(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self.azure.database.close()

    async def _answer(self, received: web.Request) -> web.StreamResponse:
        connection = received.transport
        if not isinstance(connection, TlsConnection):
            return web.Response()  # the client has gone meanwhile, and its certificates with it
        host = (received.host or "").partition(":")[0].lower()
        if host != connection.host:  # RFC 9110, 7.4: this connection was made to another host
            self._tell_tls(connection.host, f"a request for {host}, another host than that of the connection: 421")
            return web.Response(status=421, text=f"The host of the request is not that of the connection, {connection.host}.\n")
        if self.azure.opens_websocket(host, received.path):
            return await self._speak_mqtt(received, connection)
        connection.established()
        try:
            body = await received.read()
        except (ConnectionError, web.RequestPayloadError):  # it ended too early, or is not what its headers say
            connection.abort()
            return web.Response()
        request = Request(
            method=received.method,
            host=host,
            path=received.path,
            query=dict(received.query),
            headers={name.lower(): value for name, value in received.headers.items()},
            body=body,
            chain=connection.chain,
        )
        try:
            answer = self.azure.handle(request)
        except Dropped:
            if self.azure.log is not None:
                self.azure.log.tell(request.method, "dropped", f"{host}{request.path}", FAULT)
            connection.abort()
            return web.Response()
        if answer.awaits is not None:
            answer = await self._wait(answer, answer.awaits, connection)
            self.azure.observe(request, answer)
        if answer.lag:
            await asyncio.sleep(answer.lag)
        return web.Response(status=answer.status, body=answer.content(), headers=answer.fields(self.azure.clock.now()))

    async def _speak_mqtt(self, received: web.Request, connection: TlsConnection) -> web.StreamResponse:
        self._websockets.add(connection)
        try:
            answer = await websocket.converse(received, connection, self._mqtt)
            if isinstance(answer, web.Response) and self.azure.log is not None:
                self.azure.log.tell("GET", str(answer.status), f"{connection.host}{received.path}", (answer.text or "").strip())
            return answer
        finally:
            self._websockets.discard(connection)

    async def _wait(self, answer: Response, awaited: Awaited, connection: TlsConnection) -> Response:
        """The answer that is awaited; `answer`, or what has taken its place, if that does not come in time.

        The time is that of the embedded Azure, which anyone may move: hence the glances at it.
        """
        heard: asyncio.Queue[tuple[JSON | None, float]] = asyncio.Queue()
        until = self.azure.clock.now() + awaited.seconds

        def hear(body: JSON | None) -> None:
            self._loop.call_soon_threadsafe(heard.put_nowait, (body, self.azure.clock.now()))

        self.azure.exchange.wait(awaited.key, hear)
        self._waiting.add(connection)
        try:
            while self.azure.clock.now() < until and not self._stopping and not connection.is_closing():
                try:
                    body, at = await asyncio.wait_for(heard.get(), _GLANCE)
                except TimeoutError:
                    continue
                if body is not None:
                    return Response(200, body)
                if awaited.reached is not None:
                    silent, seconds = awaited.reached
                    answer, until = Response(*silent), at + seconds
            return answer
        finally:
            self._waiting.discard(connection)
            self.azure.exchange.give_up(awaited.key)


def _listener(address: str, port: int) -> socket.socket:
    return socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
