"""`dpsops local snapshot`, `restore`, `send`, `clock`, `fault`: the embedded Azure in the hands of a test, in any language."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer

from dpsops.cli.options import Options, timestamp
from dpsops.cli.summary import Outputs, Summary
from dpsops.errors import InvalidInput

clock = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    help="""Show its time, or move it.

\b
It is the real time until it is moved, forward only, and stays moved when it is served again. dpsops itself keeps the real time.

\b
Examples:
  dpsops local clock                              show it
  dpsops local clock advance 90d                  certificates expire
  dpsops local clock set 2031-01-01T00:00:00Z     go on at that time""",
)
fault = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Let requests to it fail, while it is served.

\b
  dpsops local fault add throttle --service dps --times 3
  dpsops local fault list
  dpsops local fault clear""",
)


class Kind(StrEnum):
    """What goes wrong: 429; a late answer, over HTTPS only; 503; the connection breaks before the work is done, or after it."""

    throttle = "throttle"
    delay = "delay"
    refuse = "refuse"
    drop = "drop"
    lose = "lose"


class Service(StrEnum):
    """Whose requests: by the host that they go to."""

    sign_in = "sign-in"
    management = "management"
    vault = "vault"
    dps = "dps"
    hub = "hub"


NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Letters, digits, dots, hyphens and underscores.")]


def snapshot(context: typer.Context, name: NameArgument) -> None:
    """Keep its whole state under a name.

    A former snapshot of this name is replaced. It may be served meanwhile.

    \b
    Example:
      dpsops up && dpsops local snapshot clean
    """
    from dpsops.cli.controlled import ask

    options: Options = context.obj
    ask("snapshot", name=name)
    summary = Summary(f"The embedded Azure of this directory was kept as {name}.", outputs=Outputs(changed=True))
    options.print_result({"changed": True, "snapshot": name}, "", summary)


def restore(context: typer.Context, name: NameArgument) -> None:
    """Make it what it was at a snapshot.

    Devices that are connected are disconnected, faults end, and its time is that of the snapshot. It may be served meanwhile.

    \b
    Example:
      dpsops local restore clean
    """
    from dpsops.cli.controlled import ask

    options: Options = context.obj
    ask("restore", name=name)
    summary = Summary(f"The embedded Azure of this directory is again what it was as {name}.", outputs=Outputs(changed=True))
    options.print_result({"changed": True, "snapshot": name}, "", summary)


def send(
    context: typer.Context,
    device: Annotated[str, typer.Argument(metavar="ID", help="The device ID.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The body of the message.")],
    hub: Annotated[str, typer.Option("--hub", metavar="NAME", help="If several hubs have the device.")] = "",
    properties: Annotated[
        list[str] | None, typer.Option("--property", metavar="NAME=VALUE", help="A property of the message; may be repeated.")
    ] = None,
) -> None:
    """Send a device a message, as a back end does it over AMQP, which is not there.

    A device that is connected and has subscribed gets it at once; for any other it waits, an hour unless its hub says
    otherwise. It may be served meanwhile.

    \b
    Examples:
      dpsops local send press-07 reboot
      dpsops local send press-07 '{"interval": 60}' --property kind=settings
    """
    import base64

    from dpsops.cli.controlled import ask

    options: Options = context.obj
    body = base64.b64encode(text.encode()).decode()
    found = ask("send", device=device, hub=hub, body=body, properties=read_properties(properties))
    summary = Summary(f"A message was sent to {device}.", outputs=Outputs(changed=True))
    options.print_result({"changed": True, "device": device, "hub": found}, "", summary)


@clock.callback()
def show_clock(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        from dpsops.cli.controlled import ask

        _tell_time(context.obj, ask("clock"), changed=False)


@clock.command()
def advance(
    context: typer.Context,
    duration: Annotated[str, typer.Argument(metavar="DURATION", help="Such as 90s, 15m, 1h30m or 400d.")],
) -> None:
    """Move its time forward.

    \b
    Example:
      dpsops local clock advance 1h30m
    """
    from dpsops.cli.controlled import ask

    _tell_time(context.obj, ask("advance", seconds=read_duration(duration)), changed=True)


@clock.command("set")
def set_clock(
    context: typer.Context,
    moment: Annotated[str, typer.Argument(metavar="TIME", help="Such as 2031-01-01T00:00:00Z.")],
) -> None:
    """Set its time, to one that has not passed there.

    \b
    Example:
      dpsops local clock set 2031-01-01T00:00:00Z
    """
    from dpsops.cli.controlled import ask

    _tell_time(context.obj, ask("set", now=read_time(moment).timestamp()), changed=True)


@fault.command()
def add(
    context: typer.Context,
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help="throttle, delay, refuse, drop or lose.")],
    service: Annotated[
        Service | None, typer.Option("--service", help="Only requests to this service; a hub's and DPS's devices are meant too.")
    ] = None,
    times: Annotated[int | None, typer.Option("--times", min=1, help="How many requests.  [default: 1]")] = None,
    rate: Annotated[
        float | None,
        typer.Option("--rate", min=0.0, max=1.0, help="Instead: how often, until it is lifted; 1: always."),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", min=0.0, max=3600.0, help="How late an answer is, or its Retry-After.  [default: 1]"),
    ] = None,
) -> None:
    """Let requests fail from now on, each by the first fault that concerns it.

    \b
    throttle   429, with Retry-After
    delay      the answer comes late (HTTPS only)
    refuse     503, and nothing is done
    drop       the connection breaks, and nothing is done
    lose       the connection breaks when it is done, and the answer is lost

    \b
    Over MQTT, throttle and refuse are the return code 3 of a CONNECT, or the end of a connection.

    \b
    Examples:
      dpsops local fault add throttle --service vault --times 3 --seconds 7
      dpsops local fault add drop --service hub --rate 0.1
    """
    from dpsops.cli.controlled import ask_server

    if times is not None and rate is not None:
        raise InvalidInput("--times and --rate exclude each other", "pass one of them")
    if seconds is not None and kind not in (Kind.throttle, Kind.delay):
        raise InvalidInput(f"--seconds has no meaning for {kind.value}", "leave it out")
    count = None if rate is not None else times or 1
    found = ask_server(
        "fault", kind=kind.value, service=service.value if service else "", times=count, rate=1.0 if rate is None else rate,
        seconds=1.0 if seconds is None else seconds,
    )  # fmt: skip
    _tell_faults(context.obj, found, changed=True, quiet=True)


@fault.command("list")
def list_faults(context: typer.Context) -> None:
    """Show the faults that are in force.

    \b
    Example:
      dpsops local fault list
    """
    from dpsops.cli.controlled import ask_server

    _tell_faults(context.obj, ask_server("faults"), changed=False)


@fault.command()
def clear(context: typer.Context) -> None:
    """Lift all faults.

    \b
    Example:
      dpsops local fault clear
    """
    from dpsops.cli.controlled import ask_server

    options: Options = context.obj
    changed = ask_server("calm") > 0
    lead = "All faults of the embedded Azure were lifted." if changed else "No fault was in force."
    summary = Summary(lead, outputs=Outputs(changed=changed))
    options.print_result({"changed": changed}, "" if changed else "nothing to lift", summary)


_UNITS = {"days": "d", "hours": "h", "minutes": "m", "seconds": "s"}
_DURATION = re.compile("".join(rf"(?:(?P<{unit}>\d{{1,6}}){letter})?" for unit, letter in _UNITS.items()), re.ASCII)


def read_duration(text: str) -> float:
    """A duration in seconds. Raises `InvalidInput`."""
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        raise InvalidInput(f"'{text}' is no duration", "write it as in 90s, 15m, 1h30m or 400d")
    return timedelta(**{unit: int(count) for unit, count in found.groupdict("0").items()}).total_seconds()


def read_properties(given: list[str] | None) -> dict[str, str]:
    """Each NAME=VALUE. Raises `InvalidInput`."""
    found: dict[str, str] = {}
    for each in given or ():
        name, equals, value = each.partition("=")
        if not name or not equals or name in found:
            raise InvalidInput(f"--property {each} is not NAME=VALUE, or its name is given twice", "write it as in kind=settings")
        found[name] = value
    return found


def read_time(text: str) -> datetime:
    """A time in RFC 3339. Raises `InvalidInput`."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InvalidInput(f"'{text}' is no time with its zone", "write it as in 2031-01-01T00:00:00Z")
    return found


def _tell_time(options: Options, found: dict[str, Any], *, changed: bool) -> None:
    now, ahead = timestamp(datetime.fromtimestamp(found["now"], UTC)), timedelta(seconds=round(found["advanced"]))
    lead = f"In the embedded Azure it is {now}, {ahead} later than it is." if ahead else f"In the embedded Azure it is {now}."
    document = {"changed": changed, "now": now, "ahead_seconds": round(found["advanced"])}
    options.print_result(document, f"{now} ({ahead} ahead)" if ahead else now, Summary(lead, outputs=Outputs(changed=changed)))


def _tell_faults(options: Options, found: list[dict[str, Any]], *, changed: bool, quiet: bool = False) -> None:
    lines = "\n".join(map(_line, found)) or "no faults"
    lead = f"Faults of the embedded Azure in force: {len(found)}."
    document = {"changed": changed, "faults": found}
    options.print_result(document, "" if quiet else lines, Summary(lead, outputs=Outputs(changed=changed)))


def _line(fault: dict[str, Any]) -> str:
    much = f"rate {fault['rate']:g}" if fault["times"] is None else f"{fault['hits']} of {fault['times']}"
    so_far = f", {fault['hits']} so far" if fault["times"] is None else ""
    return f"{fault['kind']:<9} {fault['service'] or 'all services':<13} {much}{so_far}"
