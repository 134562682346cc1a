"""From the options to a running workflow: settings read, the embedded Azure started where it is needed, clients made."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dpsops.cli.options import Options, progress

if TYPE_CHECKING:
    from dpsops.azure.provisioning import Wire
    from dpsops.workflows.run import Run

SETTINGS_DIRECTORY = Path("infra")


@contextmanager
def connected(options: Options) -> Iterator[Run]:
    """A `Run` for the environment of the options; the embedded Azure lives as long as the block, unless one is served."""
    from dpsops.azure.provisioning import Wire
    from dpsops.cli.embedded import embedded_variables
    from dpsops.cloud import connect
    from dpsops.settings import load
    from dpsops.workflows.run import Run

    environment = load(options.env, SETTINGS_DIRECTORY)
    with ExitStack() as stack:
        stack.enter_context(_logged(verbose=options.verbose))
        say = stack.enter_context(progress(options.verbose))
        if environment.is_local:
            variables = stack.enter_context(embedded_variables(environment.embedded))
            cloud = connect(environment, variables, proxied=True)
            wire = Wire(variables["HTTPS_PROXY"], variables["SSL_CERT_FILE"])
        else:
            cloud = connect(environment, os.environ)
            wire = Wire()
        stack.callback(cloud.close)
        yield Run(cloud, clock=lambda: datetime.now(UTC), progress=say, wire=wire)


@contextmanager
def wired(options: Options) -> Iterator[tuple[Wire, Callable[[str], None]]]:
    """A device's wire and who hears of its progress, with no client and no credential of Azure's."""
    from dpsops.azure.provisioning import Wire
    from dpsops.cli.embedded import embedded_variables
    from dpsops.settings import LOCAL, load

    with ExitStack() as stack:
        say = stack.enter_context(progress(options.verbose))
        if options.env != LOCAL:
            yield Wire(), say
            return
        variables = stack.enter_context(embedded_variables(load(LOCAL, SETTINGS_DIRECTORY).embedded))
        yield Wire(variables["HTTPS_PROXY"], variables["SSL_CERT_FILE"]), say


@contextmanager
def _logged(*, verbose: bool) -> Iterator[None]:
    """With `--verbose`, each request, and what the SDKs warn of, such as why no credential was found; else nothing."""
    import logging

    handler: logging.Handler = logging.StreamHandler(sys.stderr) if verbose else logging.NullHandler()
    handler.setFormatter(logging.Formatter("dpsops: %(message)s"))
    everything, ours = logging.getLogger(), logging.getLogger("dpsops")
    everything.addHandler(handler)
    ours.setLevel(logging.INFO if verbose else logging.NOTSET)
    try:
        yield
    finally:
        everything.removeHandler(handler)
