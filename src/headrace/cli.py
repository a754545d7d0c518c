"""The `headrace` command: reads its arguments and hands over. What a subcommand needs is imported only when it runs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

EXIT_INTERRUPTED = 130  # 128 and SIGINT, as shells have it

DESCRIPTION = "Streams the answers of language models to people and programs."
KEYS = "The key comes from the environment: HEADRACE_API_KEY, or the provider's own variable, such as OPENAI_API_KEY."


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status of one run."""
    arguments = _parser().parse_args(argv)
    from headrace.commands.terminal import CommandError, complain
    from headrace.errors import HeadraceError

    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except (CommandError, HeadraceError) as error:
        complain(f"headrace: {error}")
        return 1
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # whoever read us has enough; Python must not complain when it flushes at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="headrace", description=DESCRIPTION)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _serve_arguments(commands.add_parser("serve", help="run the server", description="Run the server."))
    chat = commands.add_parser("chat", help="ask a model", description="Ask a model in the terminal.", epilog=KEYS)
    _chat_arguments(chat)
    doctor = commands.add_parser(
        "doctor",
        help="say what an endpoint really does, or what holds streams back",
        description="Ask a model's endpoint and say what it does; of a Headrace server, say what holds streams back.",
        epilog=KEYS,
    )
    _doctor_arguments(doctor)
    about = "Write one answer of an endpoint into NAME.stream, and what we make of it into NAME.json."
    record = commands.add_parser("record", help="record a stream as a fixture", description=about, epilog=KEYS)
    _record_arguments(record)
    _backup_arguments(commands)
    _users_arguments(commands)
    _secrets_arguments(commands)
    version = commands.add_parser("version", help="say which version this is")
    version.set_defaults(command=_version)
    return parser


def _serve_arguments(parser: argparse.ArgumentParser) -> None:
    # A default that is a string is checked like an argument, so that a wrong variable is a usage error too.
    host, port, workers = (os.environ.get(name) for name in ("HOST", "PORT", "WORKERS"))
    parser.add_argument("--host", default=host or "127.0.0.1", help="address to listen on (HOST, %(default)s)")
    parser.add_argument("--port", default=port or "8000", type=_port, help="port (PORT, %(default)s); 0: a free one")
    parser.add_argument("--workers", default=workers or "1", type=_workers, help="processes (WORKERS, %(default)s)")
    parser.set_defaults(command=_serve)


def _chat_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prompt", help="what to ask; - reads it from standard input")
    parser.add_argument("--model", default="", help="the model's name; without it, one that is found")
    parser.add_argument("--provider", default="", help="openai, deepseek, ollama, local, …")
    parser.add_argument("--endpoint", default="", help="the provider's address, where it is not the usual one")
    parser.add_argument("--system", default="", help="a system message before the prompt")
    parser.add_argument("--temperature", type=float, help="0 repeats itself, higher varies (0.7)")
    parser.add_argument("--max-tokens", type=int, help="the longest answer, in tokens (8192)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line for each event")
    parser.set_defaults(command=_chat)


def _doctor_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "url", metavar="URL", help="such as http://127.0.0.1:11434/v1, or your own https://chat.example.com"
    )
    parser.add_argument("--model", default="", help="the model's name; without it, the first that the endpoint lists")
    parser.add_argument("--provider", default="", help="openai, deepseek, ollama, …; without it, as the address tells")
    parser.add_argument(
        "--timeout", type=_seconds, default="60", help="seconds to wait for the next byte (%(default)s)"
    )
    parser.add_argument(
        "--silence", type=_silence, metavar="SECONDS", help="of a Headrace server: how long a silence to try; 0: none"
    )
    parser.add_argument("--json", action="store_true", help="the findings as one JSON object")
    parser.set_defaults(command=_doctor)


def _record_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL", help="the endpoint's address, such as https://api.example.com/v1")
    parser.add_argument("name", metavar="NAME", help="where to write, without an ending; never written over")
    parser.add_argument("--model", default="", help="the model's name; without it, the first that the endpoint lists")
    parser.add_argument("--provider", default="", help="openai, deepseek, ollama, …; without it, as the address tells")
    parser.add_argument("--prompt", default="", help="what to ask; without it, a question with a short answer")
    parser.add_argument("--tool", action="store_true", help="offer a tool, and ask for what it knows")
    parser.add_argument(
        "--timeout", type=_seconds, default="60", help="seconds to wait for the next byte (%(default)s)"
    )
    parser.set_defaults(command=_record)


def _backup_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    about = "Write the database and the keys into one private file; the server may run meanwhile."
    backup = commands.add_parser("backup", help="save database and keys in one file", description=about)
    backup.add_argument("file", help="where to write, such as headrace-2026-11-24.tar.gz; never written over")
    backup.add_argument("--keys-only", action="store_true", help="leave the database to its own tools")
    backup.set_defaults(command=_back_up)
    about = "Bring a backup into the data folder (HEADRACE_DATA_DIR). Stop the server first."
    restore = commands.add_parser("restore", help="bring a backup back", description=about)
    restore.add_argument("file", help="what `headrace backup` wrote")
    restore.add_argument("--replace", action="store_true", help="move aside what is there already")
    restore.set_defaults(command=_restore)


def _users_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    about = "The people of a server with HEADRACE_AUTH=required, by its operator: no e-mail is sent."
    users = commands.add_parser("users", help="list, reset, close and reopen accounts", description=about)
    users.add_argument("action", choices=["list", "first-owner", "reset", "disable", "enable"])
    users.add_argument("name", nargs="?", default="", help="whose account")
    users.add_argument("--url", default="", help="the address under which people reach the server")
    users.set_defaults(command=_users)


def _secrets_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    about = "The key under which stored API keys are sealed. The server may run meanwhile."
    secrets = commands.add_parser("secrets", help="rotate the key of stored keys", description=about)
    secrets.add_argument("action", choices=["status", "rotate", "forget-old"])
    secrets.set_defaults(command=_secrets)


def _serve(arguments: argparse.Namespace) -> int:
    from headrace.commands.serve import run

    return run(arguments)


def _chat(arguments: argparse.Namespace) -> int:
    from headrace.commands.chat import run

    return run(arguments)


def _doctor(arguments: argparse.Namespace) -> int:
    from headrace.commands.doctor import run

    return run(arguments)


def _record(arguments: argparse.Namespace) -> int:
    from headrace.commands.record import run

    return run(arguments)


def _back_up(arguments: argparse.Namespace) -> int:
    from headrace.commands.backup import back_up

    return back_up(arguments)


def _restore(arguments: argparse.Namespace) -> int:
    from headrace.commands.backup import restore

    return restore(arguments)


def _users(arguments: argparse.Namespace) -> int:
    from headrace.commands.users import run

    return run(arguments)


def _secrets(arguments: argparse.Namespace) -> int:
    from headrace.commands.secrets import run

    return run(arguments)


def _version(_: argparse.Namespace) -> int:
    from headrace.commands.version import run

    return run()


def _port(text: str) -> int:
    return _whole(text, 0, 65535)


def _workers(text: str) -> int:
    return _whole(text, 1, 1024)


def _seconds(text: str) -> float:
    return float(_whole(text, 1, 3600))


def _silence(text: str) -> int:
    return _whole(text, 0, 300)


def _whole(text: str, least: int, most: int) -> int:
    if not text.strip().isdecimal() or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} to {most}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
