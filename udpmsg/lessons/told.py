"""What a lesson says: its texts, from the TOML file that stands beside its module (`boundaries.toml`, `boundaries.py`).

Owns that file's keys. Its texts are English; `scripts/translate` takes them for the catalogues, and the printer translates them.
"""

import tomllib
from importlib.resources import files
from types import ModuleType
from typing import Any

from udpmsg.lessons.lesson import EVERYWHERE, KEYS, Expectation, Lesson, Program, Quiz, Terminal


def lesson(module: ModuleType) -> Lesson[Any]:
    """The lesson of a module, which has the experiment (`run`), its pictures (`shows`), and whether it saw what is `EXPECTED`."""
    stem = module.__name__.rpartition(".")[2]
    said = tomllib.loads(files(__package__).joinpath(f"{stem}.toml").read_text(encoding="utf-8"))
    program = said["program"]
    return Lesson(
        title=said["title"],
        question=Quiz(said["question"], tuple(said["answers"]), KEYS.index(said["right"])),
        run=module.run,
        expectations=tuple(
            Expectation(name, of["sentence"], module.EXPECTED[name], of["otherwise"], tuple(of.get("on", EVERYWHERE)))
            for name, of in said["expected"].items()
        ),
        shows=module.shows,
        why=tuple(said["why"]),
        by_hand=tuple(Terminal(tuple(typed["commands"]), typed.get("note", "")) for typed in said["terminals"]),
        program=Program(program["source"], tuple(program["prints"])),
    )
