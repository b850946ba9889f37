"""Deploys the stack whole on an AWS of this machine, and lives a firm's first days on it.

    main.py --root FOLDER --portcullis PROGRAM --sam PROGRAM --build FOLDER --output FOLDER
            --architecture arm64|x86_64

`cargo xtask aws` runs it, as `cargo xtask test` does; README.md beside this says what is shown and what can't be.
"""

import argparse
import shutil
import socket
import sys
from pathlib import Path

from clock import Clock
from command import Portcullis, Sandbox
from docs import Docs
from issuer import AUDIENCE, Issuer
from report import Report, Stop
from stack import Stack
from story import Story
from troubles import Troubles


def free_port():
    """One that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def main():
    parser = argparse.ArgumentParser()
    for name in ["root", "portcullis", "sam", "build", "output"]:
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--architecture", required=True)
    arguments = parser.parse_args()
    folder = arguments.output.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    report = Report()
    clock = Clock(folder)
    issuer = Issuer(clock)
    addresses = {"aws": free_port(), "issuer": issuer.url, "audience": AUDIENCE}
    addresses["architecture"] = arguments.architecture
    program = arguments.portcullis.resolve()
    try:
        with Sandbox(program, folder, clock, free_port()) as sandbox:
            addresses["stripe"] = sandbox.url
            root, programs = arguments.root.resolve(), Path(sys.executable).parent
            with Stack(root, programs, arguments.sam, arguments.build.resolve(), folder, clock, addresses) as stack:
                with report.check("`sam deploy` takes the template as it is, and all of the stack is made"):
                    assert stack.deploy() == "CREATE_COMPLETE"
                portcullis = Portcullis(program, stack, clock)
                docs = Docs(root / "docs" / "deploying.md", stack.outputs["TableName"])
                story = Story(report, stack, clock, issuer, portcullis, sandbox, docs, folder)
                story.run()
                Troubles.of(story).run()
    except Stop as stop:
        print(f"       the rest needs it: {stop}", flush=True)
    except Exception as error:  # what is not a check: the programs around them
        print(f"FAILED the test goes to its end: {type(error).__name__}: {error}", flush=True)
        report.failed += 1
    if report.failed:
        print(f"what was running says why in {folder}", flush=True)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
