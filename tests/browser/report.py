"""What was looked at and how it ended: one line for each check, and the count as the last line."""

import time
import traceback
from contextlib import contextmanager
from pathlib import Path


class Stop(Exception):
    """A story that can't go on."""


class Report:
    """Prints each check as it ends, and counts."""

    def __init__(self, output: Path):
        self.output = output
        self.passed = 0
        self.failed = 0

    def check(self, name, faults):
        """One check: it is well if nothing is found wrong."""
        faults = [fault for fault in faults if fault]
        if faults:
            self.failed += 1
            print(f"FAILED {name}", flush=True)
            for fault in faults:
                print(f"       {fault}", flush=True)
        else:
            self.passed += 1
            print(f"ok     {name}", flush=True)

    def is_so(self, name, is_it, found=""):
        """One check of one fact."""
        self.check(name, [] if is_it else [f"it is not so: {found}" if found else "it is not so"])

    @contextmanager
    def step(self, name, page=None):
        """A step of a story. The steps after it need it, so that a failure ends the story."""
        begun = time.monotonic()
        try:
            yield
        except Exception as error:  # whatever went wrong is what the step failed with
            self.failed += 1
            print(f"FAILED {name}", flush=True)
            where = traceback.extract_tb(error.__traceback__)
            lines = [f"{Path(f.filename).name}:{f.lineno}" for f in where if "tests/browser" in f.filename]
            print(f"       {' > '.join(lines)}: {error}", flush=True)
            if page is not None:
                path = self.output / f"failed-{self.failed}.png"
                page.screenshot(path=path, full_page=True)
                print(f"       at {page.url}, and as {path} shows", flush=True)
            raise Stop(name) from error
        self.passed += 1
        print(f"ok     {name} ({time.monotonic() - begun:.1f} s)", flush=True)

    def end(self):
        """Prints the count; the exit code."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed else 0
