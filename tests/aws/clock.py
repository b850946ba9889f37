"""The deployment's clock: one file that every process of it reads its time from, so that days pass in a moment.

libfaketime answers the C library's clock calls; nothing of ours knows of it. Only the time of day is moved:
what waits for a timeout waits as long as ever.

It is built here from the source that comes with it, with the lock that its makefile calls MT: without it two threads that
read the file at once leave each other half a line, and the process ends, or its clock stands still for good.
"""

import os
import subprocess
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import libfaketime

# Before noon in New York, so that letters leave (LET-5), on a Monday.
BEGIN = datetime(2027, 3, 1, 15, 0, tzinfo=timezone.utc)


# Without its parts for sleeping, timers and conditions: what waits is left alone.
FLAGS = ["-std=gnu99", "-O2", "-fPIC", "-shared", "-DPTHREAD_SINGLETHREADED_TIME"]


def build(library: Path):
    """Takes the compiler that Rust links with."""
    source = Path(libfaketime.__file__).parent / "vendor" / "libfaketime" / "src"
    names = ['-DPREFIX="/usr/local"', '-DLIBDIRNAME="/lib/faketime"', f"-Wl,--version-script={source / 'libfaketime.map'}"]
    command = ["cc", *FLAGS, *names, "-o", library, source / "libfaketime.c", "-ldl", "-lm", "-lrt", "-lpthread"]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, f"libfaketime can't be built: {built.stderr}"


class Clock:
    """Says and moves the time."""

    def __init__(self, folder: Path):
        self.file = folder / "clock"
        self.library = folder / "clock.so"
        build(self.library)
        self.ahead = 0.0
        self.go_to(BEGIN)

    def now(self):
        """The time of the deployment."""
        return datetime.fromtimestamp(time.time() + self.ahead, timezone.utc)

    def go_to(self, when):
        """It is that time now, everywhere."""
        self.ahead = when.timestamp() - time.time()
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"{self.ahead:+.3f}\n", encoding="ascii")
        os.replace(fresh, self.file)

    def go_on(self, **by):
        """So much later."""
        self.go_to(self.now() + timedelta(**by))

    def day(self):
        """The firm's day: at these hours the one of UTC."""
        return self.now().date()

    def environment(self):
        """What a process reads its time by."""
        return {
            "LD_PRELOAD": str(self.library),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        }
