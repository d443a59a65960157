"""Run a command that ends with its parent: `python tether.py PARENT_PID SIGNAL COMMAND...`. Linux.

`prctl(PR_SET_PDEATHSIG)`, then a look whether the parent had died before that: without the look, a parent
that is killed in the moment of starting leaves its child behind. Imports nothing of ours, so it costs little.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    parent, number, *command = sys.argv[1:]
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606  # Becomes the command; there is no shell.
