"""What can go wrong with the embedded servers: one type per cause, each with a stable code."""

from typing import ClassVar


class EmbeddedError(Exception):
    """An embedded server cannot be run; the message says what to do about it."""

    code: ClassVar[str] = "embedded_error"


class FolderInUseError(EmbeddedError):
    """Another living process works on the same folder."""

    code = "folder_in_use"


class VarFolderError(EmbeddedError):
    """The var folder cannot be made or written."""

    code = "var_folder_unusable"


class SocketFolderError(EmbeddedError):
    """No private folder for the unix sockets can be had."""

    code = "socket_folder_unusable"


class BinaryMissingError(EmbeddedError):
    """The wheel that carries the server is not installed for this platform."""

    code = "server_binary_missing"


class UnprivilegedUserError(EmbeddedError):
    """We are root, and there is no other user PostgreSQL could run as."""

    code = "no_unprivileged_user"


class FolderUnreachableError(EmbeddedError):
    """We are root, and the unprivileged user cannot reach a folder the server needs."""

    code = "folder_unreachable"


class DataFolderError(EmbeddedError):
    """The data folder holds something else, another version, or belongs to somebody else."""

    code = "data_folder_unusable"


class StartFailedError(EmbeddedError):
    """The server ended, or did not answer in time, while it was being started."""

    code = "server_start_failed"


class LeftoverError(EmbeddedError):
    """A server of an earlier run is still there and cannot be ended."""

    code = "server_leftover"
