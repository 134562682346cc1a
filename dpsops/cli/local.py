"""`dpsops local`: the embedded Azure for other clients."""

from __future__ import annotations

import sys
import threading
from typing import Annotated

import typer

from dpsops.cli import local_control
from dpsops.cli.options import Options, Output
from dpsops.cli.shells import Shell
from dpsops.cli.summary import Outputs, Summary
from dpsops.errors import Error, InvalidInput

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""The embedded Azure, as a server for other clients.

\b
  dpsops local serve --detach    run it
  eval "$(dpsops local env)"     let az, an SDK or curl use it
  dpsops local show              look into it
  dpsops local stop              stop it
  dpsops local reset             delete it

\b
For tests, also while it is served:
  dpsops local snapshot clean          keep all of it under a name
  dpsops local restore clean           make it what it was then
  dpsops local clock advance 90d       move its time
  dpsops local fault add throttle      let a request fail""",
)


@app.command()
def serve(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port of the proxy; 0: any free port.")] = 8043,
    listen: Annotated[
        str | None,
        typer.Option(
            "--listen",
            metavar="ADDRESS",
            help="Also take clients that know no proxy, at this address: 127.0.0.1. The proxy is there too.",
        ),
    ] = None,
    https_port: Annotated[
        int | None, typer.Option("--https-port", min=0, max=65535, help="With --listen: the port for HTTPS.  [default: 443]")
    ] = None,
    mqtt_port: Annotated[
        int | None, typer.Option("--mqtt-port", min=0, max=65535, help="With --listen: the port for MQTT.  [default: 8883]")
    ] = None,
    log: Annotated[
        bool,
        typer.Option(
            "--log", help="A line for each request and MQTT packet, and why it was refused; detached: .dpsops/serve.log."
        ),
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Return when it serves; it runs until 'dpsops local stop'.")] = False,
) -> None:
    """Serve the embedded Azure until it is interrupted.

    \b
    Examples:
      dpsops local serve --port 8043
      dpsops local serve --log
      dpsops local serve --detach && eval "$(dpsops local env)"
      dpsops local serve --listen 127.0.0.1 --https-port 8443 --mqtt-port 8883
    """
    from dpsops.cli.destination import SETTINGS_DIRECTORY
    from dpsops.cli.embedded import announced, detached, require_unserved, start
    from dpsops.cli.listening import open_many_files, options_of, read_listen, warn_of_others, write_line
    from dpsops.emulator.door import CannotListen
    from dpsops.settings import LOCAL, load

    doors = read_listen(listen, https_port, mqtt_port)
    settings = load(LOCAL, SETTINGS_DIRECTORY).embedded
    if detach:
        address = detached(port, [*options_of(doors), *(["--log"] if log else [])])
        warn_of_others(doors)
        print(f"dpsops: the embedded Azure is at {address}; stop it: dpsops local stop", file=sys.stderr)
        return
    open_many_files()
    require_unserved()  # before the port of the other one is in use
    try:
        with start(settings, port=port, listen=doors, log=write_line if log else None) as azure, announced(azure):
            warn_of_others(doors)
            if azure.listen is not None:
                taken = f"ports {azure.listen.https} (HTTPS) and {azure.listen.mqtt} (MQTT)"
                print(f"dpsops: without a proxy it is at {azure.listen.address}, {taken}", file=sys.stderr, flush=True)
            print(f"dpsops: the embedded Azure is at {azure.proxy_url}; Ctrl-C stops it", file=sys.stderr, flush=True)
            threading.Event().wait()
    except CannotListen as cause:
        raise Error(str(cause), "choose other ports: --https-port 8443 --mqtt-port 8884") from cause
    except OSError as cause:
        if cause.filename:
            raise
        raise Error(f"port {port} cannot be used: {cause.strerror}", "choose another port with --port") from cause
    except KeyboardInterrupt:
        print("dpsops: stopped; its state stays in .dpsops/", file=sys.stderr)


@app.command()
def stop(context: typer.Context) -> None:
    """Stop the embedded Azure that is served in this directory. Its state stays.

    \b
    Example:
      dpsops local stop
    """
    from dpsops.cli.embedded import stop as end

    options: Options = context.obj
    changed = end()
    lead = "The embedded Azure of this directory was stopped." if changed else "No embedded Azure was served in this directory."
    summary = Summary(lead, outputs=Outputs(changed=changed))
    options.print_result({"changed": changed}, "" if changed else "nothing to stop", summary)


@app.command()
def env(
    context: typer.Context,
    shell: Annotated[Shell, typer.Option("--shell", help="Whose words to print; bash is also for sh and zsh.")] = Shell.bash,
    wait: Annotated[bool, typer.Option("--wait", help="Wait up to 30 seconds until it serves.")] = False,
    unset: Annotated[bool, typer.Option("--unset", help="Forget the variables, to use the real Azure again.")] = False,
) -> None:
    """Print the variables that let another client use the embedded Azure that is served here.

    They contain a client secret, which is valid only for this embedded Azure. If none is served, what is printed stops the line
    of the shell: the program behind it would use the real Azure.

    \b
    Examples:
      eval "$(dpsops local env)" && python my_program.py
      dpsops local serve & eval "$(dpsops local env --wait)" && python my_program.py
      dpsops local env --shell fish | source; and python my_program.py
      dpsops local env --shell dotenv > azure.env && docker run --env-file azure.env ...
      eval "$(dpsops local env --unset)"
    """
    from dpsops.cli import shells
    from dpsops.cli.embedded import VARIABLES, served_variables, wait_for_server

    options: Options = context.obj
    if unset:
        if shell is Shell.dotenv:
            raise InvalidInput("a file of variables cannot forget them", "delete the file")
        summary = Summary("The words that forget the variables were printed.", outputs=Outputs(changed=False))
        options.print_result({"unset": list(VARIABLES)}, shells.unset(shell, VARIABLES), summary)
        return
    try:
        found = wait_for_server(30) if wait else served_variables()
        if found is None:
            raise Error("no embedded Azure is served in this directory", "start one: dpsops local serve --detach")
    except Error:
        if options.output is Output.text and (line := shells.stop(shell)):
            print(line)
        raise
    options.told.mask(found["AZURE_CLIENT_SECRET"])
    summary = Summary("The variables of the embedded Azure that is served here were printed.", outputs=Outputs(changed=False))
    options.print_result(dict(found), shells.assigned(shell, found), summary)


@app.command()
def show(context: typer.Context) -> None:
    """Show what is in the embedded Azure of this directory: vaults, enrollments, registrations, identities, the newest messages.

    It shows no key and no secret's value. The last lines are for /etc/hosts, if a client knows no proxy.

    \b
    Examples:
      dpsops local show
      dpsops --output json local show | jq -r '.provisioning_services[].id_scope'
    """
    from dpsops.cli import contents
    from dpsops.cli.destination import SETTINGS_DIRECTORY
    from dpsops.cli.embedded import is_there, served_listen, served_variables, start
    from dpsops.emulator.contents import Contents
    from dpsops.settings import LOCAL, load

    options: Options = context.obj
    variables = served_variables()
    served = None if variables is None else contents.Served(variables["HTTPS_PROXY"], served_listen())
    found = Contents()
    if is_there():
        with start(load(LOCAL, SETTINGS_DIRECTORY).embedded, port=0) as azure:
            found = azure.contents()
    options.print_result(contents.document(found, served), contents.text(found, served), contents.summary(found, served))


@app.command()
def reset(context: typer.Context) -> None:
    """Delete the embedded Azure of this directory, with its vaults, keys and devices.

    \b
    Example:
      dpsops local reset && dpsops up
    """
    from dpsops.cli.embedded import reset as delete

    options: Options = context.obj
    changed = delete()
    lead = "The embedded Azure of this directory was deleted." if changed else "There was no embedded Azure to delete."
    summary = Summary(lead, outputs=Outputs(changed=changed))
    options.print_result({"changed": changed}, "" if changed else "nothing to delete", summary)


app.command()(local_control.snapshot)
app.command()(local_control.restore)
app.command()(local_control.send)
app.add_typer(local_control.clock, name="clock")
app.add_typer(local_control.fault, name="fault")
