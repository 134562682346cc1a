"""Prepares a workflow: reads the settings, starts the embedded Azure if it is needed, and creates the clients."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING

from dpsops.cli.destination import SETTINGS_DIRECTORY, destination, wire_of_this_machine
from dpsops.cli.gathering import Finished
from dpsops.cli.options import Options, Output, progress

if TYPE_CHECKING:
    import asyncio

    from dpsops.azure.ca_certificates import TrustStore
    from dpsops.azure.clients import Clients
    from dpsops.azure.deployments import Deployments
    from dpsops.azure.dps import Dps
    from dpsops.azure.hub import Hubs
    from dpsops.azure.leaf_signer import LeafSigner
    from dpsops.azure.leaf_vault import LeafVaults
    from dpsops.azure.pipeline_identities import PipelineIdentities
    from dpsops.azure.pool import Pool
    from dpsops.azure.root_vault import RootVault
    from dpsops.azure.wire import Wire
    from dpsops.model.run import Run
    from dpsops.steps.look_inside import Looking


@dataclass(frozen=True)
class Connection:
    """A `Run`, and the parts of Azure. A command gives each workflow the parts that it needs. `wire`: how a device reaches
    Azure."""

    run: Run
    clients: Clients
    wire: Wire

    @cached_property
    def deployments(self) -> Deployments:
        """The resource group and its deployment."""
        from dpsops.azure.deployments import Deployments

        return Deployments(self.clients)

    @cached_property
    def roots(self) -> RootVault:
        """The vault: its roots."""
        from dpsops.azure.root_vault import RootVault

        return RootVault(self.clients)

    @cached_property
    def leaves(self) -> LeafVaults:
        """The vault: the secrets of its devices."""
        from dpsops.azure.leaf_vault import LeafVaults

        return LeafVaults(self.clients)

    @cached_property
    def signer(self) -> LeafSigner:
        """The keys of the roots, which sign device certificates."""
        from dpsops.azure.leaf_signer import LeafSigner

        return LeafSigner(self.clients)

    @cached_property
    def dps(self) -> Dps:
        """The Device Provisioning Service."""
        from dpsops.azure.dps import Dps

        return Dps(self.clients)

    @cached_property
    def hubs(self) -> Hubs:
        """The IoT Hubs."""
        from dpsops.azure.hub import Hubs

        return Hubs(self.clients)

    @cached_property
    def pipeline_identities(self) -> PipelineIdentities:
        """The identities of the pipelines."""
        from dpsops.azure.pipeline_identities import PipelineIdentities

        return PipelineIdentities(self.clients)

    @cached_property
    def stores(self) -> tuple[TrustStore, ...]:
        """The trust stores of the DPS and, if the settings say so, of the hubs."""
        from dpsops.azure.ca_certificates import trust_stores

        return trust_stores(self.clients)

    @cached_property
    def looking(self) -> Looking:
        """What a removal looks into."""
        from dpsops.azure.ca_certificates import trust_store
        from dpsops.azure.removals import Removals
        from dpsops.azure.vault_objects import VaultObjects
        from dpsops.steps.look_inside import Looking

        return Looking(
            Removals(self.clients), VaultObjects(self.clients), self.dps, self.hubs, partial(trust_store, self.clients)
        )

    def every_store(self) -> tuple[TrustStore, ...]:
        """The trust stores of the DPS and of every hub in the resource group."""
        from dpsops.azure.ca_certificates import every_trust_store

        return every_trust_store(self.clients)


@contextmanager
def connected(options: Options, *formats: Output, share: float = 1.0) -> Iterator[Connection]:
    """The connection to the environment of the options. The embedded Azure runs until the block ends, unless one is served.

    formats: those of the result, besides text and JSON. share: the part of each limit of Azure that is this process's.
    """
    from dpsops.azure.clients import connect
    from dpsops.azure.waits import Waiting
    from dpsops.model.run import Run
    from dpsops.settings import load

    options.require(Output.text, Output.json, *formats)
    environment = load(options.env, SETTINGS_DIRECTORY)
    with ExitStack() as stack:
        stack.enter_context(_logged(verbose=options.verbose))
        shown = stack.enter_context(progress(options))
        say, waiting = shown.say, Waiting(say=shown.aside, still=shown.still)
        stack.enter_context(waiting.watched())
        there = stack.enter_context(destination(environment, rehearse=options.rehearse))
        environment = there.environment
        clients = connect(environment, there.variables, proxied=there.is_only, waiting=waiting, share=share)
        stack.callback(clients.close)
        loop = stack.enter_context(event_loop(clients.pool))
        run = Run(
            environment,
            lambda: datetime.now(UTC),
            clients.sleep,
            loop,
            progress=say,
            count=shown.count,
            held_back=clients.pool.held_back,
            is_embedded=there.is_embedded,
            done=Finished(shown.keep, options.told.kept),
        )
        yield Connection(run, clients, there.wire(waiting))


def root_thumbprint(options: Options, connection: Connection) -> str:
    """The SHA-256 of the root in use, for somebody who looks at it later. It is empty if nobody does, or if it cannot be read."""
    from dpsops.errors import Error
    from dpsops.pki.chains import thumbprint
    from dpsops.workflows.root import export

    if not options.told.is_pipeline:
        return ""
    try:
        return thumbprint(export(connection.run, connection.roots, connection.dps))
    except Error:
        return ""


@contextmanager
def event_loop(pool: Pool) -> Iterator[asyncio.AbstractEventLoop]:
    """The event loop of an invocation. At its end the lists that were not read to theirs, and the connections of the pool, are
    closed."""
    import asyncio

    from dpsops.fleet.engine import finish

    loop = asyncio.new_event_loop()
    try:
        yield loop
    finally:
        finish(loop, loop.shutdown_asyncgens())
        finish(loop, pool.close())
        loop.close()


@contextmanager
def wired(options: Options) -> Iterator[tuple[Wire, Callable[[str], None]]]:
    """How a device reaches Azure, and the output for progress, without any client or credential."""
    from dpsops.azure.waits import Waiting
    from dpsops.settings import LOCAL, load

    with ExitStack() as stack:
        shown = stack.enter_context(progress(options))
        say, waiting = shown.say, Waiting(say=shown.aside, still=shown.still)
        stack.enter_context(waiting.watched())
        if options.env != LOCAL and not options.rehearse:
            yield wire_of_this_machine(waiting), say
            return
        environment = load(options.env, SETTINGS_DIRECTORY)
        yield stack.enter_context(destination(environment, rehearse=options.rehearse)).wire(waiting), say


@contextmanager
def _logged(*, verbose: bool) -> Iterator[None]:
    """With `--verbose`, logs each request and the warnings of the SDKs, such as why no credential was found; else nothing."""
    import logging

    from dpsops.azure.quoting import DiscreetFormatter

    handler: logging.Handler = logging.StreamHandler(sys.stderr) if verbose else logging.NullHandler()
    handler.setFormatter(DiscreetFormatter("dpsops: %(message)s"))
    everything, ours = logging.getLogger(), logging.getLogger("dpsops")
    everything.addHandler(handler)
    ours.setLevel(logging.INFO if verbose else logging.NOTSET)
    try:
        yield
    finally:
        everything.removeHandler(handler)
