"""Folders below var for one town each: several towns on one host do not see each other's things."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from dispatch.config import TownConfig

_OWNER: Final = "town"


def own_folder(var: Path, name: str, town: TownConfig) -> Path:
    """Where below `var` a town keeps things of some kind; made when missing.

    The town that comes first has `name`, any other `name-<town>`.

    Args:
        var: where everything generated or stored lives.
        name: what kind of things, such as `planner`.
        town: whose; in a demo the same as in earnest.
    """
    folder, owner = var / name, town.folder.name
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{_OWNER}.{os.getpid()}"
    draft.write_text(owner, encoding="utf-8")
    with suppress(FileExistsError):
        (folder / _OWNER).hardlink_to(draft)  # in one piece, and by one process only
    draft.unlink()
    first = (folder / _OWNER).read_text(encoding="utf-8")
    if first == owner:
        return folder
    other = var / f"{name}-{owner}"
    other.mkdir(exist_ok=True)
    return other
