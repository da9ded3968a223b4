"""E-mails as files, where no mail server is configured: to be looked at, sent by nobody.

They hold what a real e-mail would: the folder is private, and files go with the person or after a
week.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from dispatch.clock import real_now
from dispatch.messaging.channels.base import Parcel, Result, scrubbed
from dispatch.messaging.channels.email import UnmailableError, compose

_SENDER: Final = "Rufbus <rufbus@localhost>"
_KEEP_S: Final = 7 * 86_400
_CHUNK: Final = 1000


class FileChannel:
    """Writes each e-mail into a file of its own; a repetition replaces it.

    Args:
        folder: Where to; made when the first one is written.
    """

    name: Final = "email"
    deadline_s: Final = 5.0

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, parcel: Parcel) -> Result:
        """Write an e-mail."""
        try:
            message = compose(parcel, _SENDER)
        except UnmailableError as error:
            return Result("never", str(error))
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self._folder / f"{parcel.id}.eml"
            part = path.with_suffix(f".{os.getpid()}.part")
            part.write_bytes(message.as_bytes())
            part.replace(path)
        except OSError as error:
            return Result("later", scrubbed(error.strerror or str(error)), channel_down=True)
        return Result("sent", via="file")

    def close(self) -> None:
        """Nothing stays open."""

    def tidy(self, known: Callable[[list[str]], Iterable[str]]) -> None:
        """Remove what is old, or was for somebody who has been erased.

        Args:
            known: Of message ids, those whose person is still there.
        """
        paths = {path.stem: path for path in self._folder.glob("*.eml")}
        ids = sorted(paths)
        keep = {found for n in range(0, len(ids), _CHUNK) for found in known(ids[n : n + _CHUNK])}
        oldest = real_now() - _KEEP_S
        for message_id, path in paths.items():
            try:
                if message_id not in keep or path.stat().st_mtime < oldest:
                    path.unlink(missing_ok=True)
            except FileNotFoundError:
                continue  # another messenger was quicker
