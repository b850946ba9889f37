"""What was promised and whether it is so: one line for each check, and the count as the last line."""

import time
import traceback
from contextlib import contextmanager
from pathlib import Path

# Between two looks at a condition.
POLL_SECONDS = 0.1

# How long something may take that takes seconds: a busy machine takes its time, one that hangs should be named.
PATIENCE_SECONDS = 60


class Stop(Exception):
    """A story that can't go on."""


class Report:
    """Prints each check as it ends, and counts."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    @contextmanager
    def check(self, name):
        """A step of the story. Those after it need it, so that a failure ends the story."""
        begun = time.monotonic()
        try:
            yield
        except Exception as error:  # whatever went wrong is what the check failed with
            self.failed += 1
            frames = traceback.extract_tb(error.__traceback__)
            here = Path(__file__).parent
            lines = [f"{Path(f.filename).name}:{f.lineno}" for f in frames if Path(f.filename).parent == here]
            print(f"FAILED {name}", flush=True)
            print(f"       {' > '.join(lines)}: {type(error).__name__}: {error}", flush=True)
            raise Stop(name) from error
        self.passed += 1
        print(f"ok     {name} ({time.monotonic() - begun:.1f} s)", flush=True)

    def end(self):
        """Prints the count; the exit code."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed else 0


def until(what, look, seconds=PATIENCE_SECONDS):
    """What `look` answers once that is something; an error that names `what` if it doesn't come to it."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if deadline < time.monotonic():
            raise AssertionError(f"{what}: not so within {seconds} s, but {found!r}")
        time.sleep(POLL_SECONDS)


def same(found, expected, what=""):
    """They are the same, or an error says both."""
    assert found == expected, f"{what}: expected {expected!r}, found {found!r}".removeprefix(": ")
