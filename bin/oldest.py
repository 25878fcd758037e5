"""Go on with a Python that can read the rest, or say that there is none.

The one file that must be readable by any Python that may start bin/run: no newer syntax.
"""

# ruff: noqa: PTH123, RUF005, S603, S606, UP031, UP036

import os
import subprocess
import sys

if sys.version_info < (3, 11):
    question = "import sys; sys.exit(sys.version_info < (3, 11))"
    with open(os.devnull, "w") as nowhere:
        for candidate in ("python3.14", "python3.13", "python3.12", "python3.11"):
            try:
                answer = subprocess.call([candidate, "-c", question], stderr=nowhere)
            except OSError:
                continue
            if answer == 0:
                os.execvp(candidate, [candidate] + sys.argv)
    sys.exit(
        "Lockboard needs Python 3.11 or newer, and this is %d.%d: install a newer one "
        "and start again, for example with: python3.12 %s"
        % (sys.version_info[0], sys.version_info[1], sys.argv[0])
    )
