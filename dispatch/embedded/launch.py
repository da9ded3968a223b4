"""Turns itself into another program that dies with its parent, as another user where asked.

Run as a script (`python -I -S launch.py '<json>' program args...`), standard library only. It
stands in for `preexec_fn`, which may deadlock in a process with threads, and does what `user=`
cannot: tie the child's life to ours, and let an unprivileged server reach data below /root.
"""

import ctypes
import json
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def die_with_parent(parent_pid: int, death_signal: int = signal.SIGKILL) -> None:
    """Let the kernel send us `death_signal` when the thread that started us ends.

    Args:
        parent_pid: Who we expect our parent to be. When it is gone already, this process ends.
        death_signal: Number of the signal.
    """
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0), "prctl(PDEATHSIG)")
    if os.getppid() != parent_pid:
        sys.exit(1)


def _become(uid: int, gid: int, capability: int | None) -> None:
    """Give up root for good; `capability` alone survives this and the exec that follows."""
    if capability is not None:
        _checked(_libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0), "prctl(KEEPCAPS)")
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if capability is not None:
        header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
        bit = 1 << (capability % 32)
        word = [bit, bit, bit]
        data = (ctypes.c_uint32 * 6)(
            *([*word, 0, 0, 0] if capability < 32 else [0, 0, 0, *word])  # noqa: PLR2004 (two 32-bit words)
        )
        _checked(_libc.capset(header, data), "capset")
        raised = _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0)
        _checked(raised, "prctl(CAP_AMBIENT)")


def main() -> None:
    """Become the program named on the command line."""
    options = json.loads(sys.argv[1])
    if options["uid"] is not None:
        _become(options["uid"], options["gid"], options["capability"])
    if options["death_signal"] is not None:
        # after the change of user: the kernel forgets the death signal when credentials change
        die_with_parent(options["parent_pid"], options["death_signal"])
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 (becoming the named program is the point)


if __name__ == "__main__":
    main()
