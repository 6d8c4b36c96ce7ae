"""The command `consentkit`. Each command imports what it needs when it runs, so that help is instant."""

import signal
import sys
import warnings
from typing import Annotated, Any, Final, NoReturn

import typer

import consentkit
from consentkit.cli import attesting, checks, copies, feed, indexes, proofs
from consentkit.cli.errors import exit_code
from consentkit.errors import ConsentkitError, KeyEnding

_EXTRAS: Final = {"numpy", "pyarrow"}

app = typer.Typer(
    name="consentkit",
    help="May these face images be used? Asks a consent registry, proves what it hears, filters by it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    feed.sync,
    feed.filter_,
    feed.audit,
    feed.rewrite,
    indexes.index,
    checks.check,
    copies.match,
    checks.hash_,
    attesting.attest,
    attesting.affected,
    proofs.verify,
    proofs.doctor,
):
    app.command(command.__name__.rstrip("_"))(command)
app.add_typer(copies.notifications, name="notifications")


def _version(asked: bool) -> None:  # noqa: FBT001 - typer's form of a callback
    if asked:
        typer.echo(f"consentkit {consentkit.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Runs the command line. An error is one line that says what to do."""
    signal.signal(signal.SIGTERM, _end)
    warnings.showwarning = _warn
    try:
        app()
    except ConsentkitError as error:  # what we know how to explain
        _fail(str(error), exit_code(error))
    except BrokenPipeError:  # who reads our output has gone
        sys.stderr.close()
        sys.exit(1)
    except ModuleNotFoundError as error:  # an extra that is not installed
        if error.name not in _EXTRAS:
            raise
        _fail(f"this needs {error.name}: pip install 'consentkit[filter]'", 1)
    except OSError as error:  # a full disk, a folder that cannot be written
        _fail(str(error), 1)


def _warn(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    """Ours in one line; nobody else's is for whoever runs a command."""
    if issubclass(category, KeyEnding):
        print(f"consentkit: {message}", file=sys.stderr)


def _fail(message: str, code: int) -> NoReturn:
    print(f"consentkit: {message}", file=sys.stderr)
    sys.exit(code)


def _end(number: int, _frame: object) -> NoReturn:
    """Ends by the way that removes temporary files."""
    sys.exit(128 + number)
