"""The catalogues: texts are taken from the sources, translations from people, and both compiled. `scripts/translate` calls it.

Owns udpmsg/base/locale. Several may run at once: each takes its turn. A text that no source has any more stays in the catalogue's
end, so that it is translated at once should it come back.
"""

import argparse
import ast
import io
import os
import re
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

PROJECT = Path(__file__).parent.parent
PACKAGE = PROJECT / "udpmsg"
LOCALE = PACKAGE / "base" / "locale"
ERRORS = [
    "UsageError",
    "NameUnknown",
    "CannotListen",
    "CannotConnect",
    "LabUnavailable",
    "ChildFailed",
    "RunFailed",
    "NobodyThere",
    "CannotSave",
    "CannotRead",
    "CannotStore",
    "CannotWrite",
    "MalformedDatagram",
    "BadFrame",
    "Phrase",
]
PLACES = {
    "_": (0,),
    "N_": (0,),
    "plural": (0, 1),
    "N_plural": (0, 1),
    "one_of": (2,),
    "MessageTooLarge": (2,),
    **dict.fromkeys(ERRORS, (0,)),
}
"""Which arguments of a call are texts: itself, or the one and the many."""
SYSTEM = (
    "Address already in use",
    "Address family not supported by protocol",
    "Address family for hostname not supported",
    "Broken pipe",
    "Can't assign requested address",
    "Cannot allocate memory",
    "Cannot assign requested address",
    "Connection refused",
    "Connection reset by peer",
    "Connection timed out",
    "Disk quota exceeded",
    "File name too long",
    "File too large",
    "Input/output error",
    "Invalid argument",
    "Is a directory",
    "Message too long",
    "Name or service not known",
    "Network is down",
    "Network is unreachable",
    "No address associated with hostname",
    "No buffer space available",
    "No route to host",
    "No space left on device",
    "No such device",
    "No such file or directory",
    "Not a directory",
    "Operation not permitted",
    "Operation timed out",
    "Permission denied",
    "Protocol not available",
    "Read-only file system",
    "Software caused connection abort",
    "Temporary failure in name resolution",
    "Too many levels of symbolic links",
    "Too many open files",
    "Too many open files in system",
    "nodename nor servname provided, or not known",
)
"""What Linux and macOS say of failures, which errors pass on. Windows speaks its user's language by itself."""
SQLITE = (
    "attempt to write a readonly database",
    "database disk image is malformed",
    "database is locked",
    "database or disk is full",
    "disk I/O error",
    "file is not a database",
    "locking protocol",
    "unable to open database file",
)
"""What SQLite says of failures; they too are passed on."""
PLACE = re.compile(r"\{[^{}]*\}")
HEADER = "# {} of what udpmsg tells people. Kept by scripts/translate."
Key = Any  # a text, or the one and the many; Babel's own types differ from place to place


def main() -> int:
    """Update, or say what is missing."""
    options = argparse.ArgumentParser(description="Keeps the catalogues in udpmsg/base/locale.")
    options.add_argument("files", nargs="*", type=Path, metavar="FILE.po", help="translations to take over")
    options.add_argument("--missing", action="store_true", help="print the texts without a translation")
    options.add_argument("--check", action="store_true", help="change nothing; fail when something is missing")
    given = options.parse_args()
    complaints = list(computed())
    catalogues = sorted(LOCALE.glob("*/LC_MESSAGES/udpmsg.po"))
    if not catalogues:
        complaints.append(f"there is no catalogue in {LOCALE}")
    for file in catalogues:
        with turn():
            catalogue = updated(read(file), given.files)
            if given.missing:
                sys.stdout.write(text_of(lacking(catalogue)))
                continue
            complaints += [f"{file.parent.parent.name}: {complaint}" for complaint in wrong(catalogue)]
            if given.check:
                complaints += (
                    [] if current(catalogue, file) else [f"{file.relative_to(PROJECT)} is not what scripts/translate writes"]
                )
            else:
                write(catalogue, file)
    for complaint in complaints:
        print(f"translate: {complaint}", file=sys.stderr)
    return 1 if complaints else 0


def extracted() -> Iterator[tuple[Key, str]]:
    """Every text of the sources, lessons, the system and SQLite: itself (or its one and its many), and the file that has it."""
    for call, places, name in calls():
        texts = [literal(call.args[place]) if place < len(call.args) else None for place in places]
        if texts and all(texts):
            yield texts[0] if len(texts) == 1 else tuple(texts), name
    for file in sorted(PACKAGE.glob("lessons/*.toml")):
        for text in of_lesson(tomllib.loads(file.read_text(encoding="utf-8"))):
            yield text, file.relative_to(PROJECT).as_posix()
    for text in SYSTEM + SQLITE:
        yield text, "scripts/translate.py"


def calls() -> Iterator[tuple[ast.Call, tuple[int, ...], str]]:
    """Every call that takes a text, which of its arguments do, and the file that has it."""
    for source in sorted(PACKAGE.rglob("*.py")):
        found = [node for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        for call in sorted(found, key=lambda node: (node.lineno, node.col_offset)):
            places = PLACES.get(getattr(call.func, "id", "") or getattr(call.func, "attr", ""))
            if places:
                yield call, places, source.relative_to(PROJECT).as_posix()


def of_lesson(said: dict[str, Any]) -> list[str]:
    """What a lesson says (`udpmsg/lessons/told.py`), apart from what is typed."""
    judged = [text for one in said["expected"].values() for text in (one["sentence"], one["otherwise"])]
    notes = [typed["note"] for typed in said["terminals"] if "note" in typed]
    return [said["title"], said["question"], *said["answers"], *judged, *said["why"], *notes]


def literal(argument: ast.expr) -> str | None:
    """A text as it stands. What has a name was marked where it was written."""
    return argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else None


def computed() -> Iterator[str]:
    """Texts that are put together before they are looked up, which no catalogue can have."""
    for call, places, name in calls():
        for argument in (call.args[place] for place in places if place < len(call.args)):
            if isinstance(argument, ast.JoinedStr | ast.BinOp):
                yield f"{name}:{call.lineno}: a text with its values in it cannot be translated: {ast.unparse(argument)}"


def updated(old: Catalog, files: list[Path]) -> Catalog:
    """The catalogue with the texts that the sources have now, and the translations that it or the files have."""
    known = translations(old)
    for file in files:
        known |= translations(read(file))
    new = Catalog(
        locale=old.locale,
        project="udpmsg",
        version="1",
        msgid_bugs_address="the udpmsg authors",
        copyright_holder="the udpmsg authors",
        header_comment=HEADER.format(old.locale.english_name),
        charset="utf-8",
        fuzzy=False,
        creation_date=old.creation_date,
        revision_date=old.revision_date,
        last_translator="the udpmsg authors",
        language_team="the udpmsg authors",
    )
    for key, name in extracted():
        new.add(key, known.get(key, ""), locations=[(name, 0)])
    for key, text in known.items():
        if key not in new and key:
            new.obsolete[key] = Message(key, text)
    return new


def translations(catalogue: Catalog) -> dict[Key, Any]:
    """Every text with a translation, used or not."""
    every = [*catalogue, *catalogue.obsolete.values()]
    return {message.id: message.string for message in every if message.id and filled(message) and not message.fuzzy}


def filled(message: Message) -> bool:
    """Whether it is translated, in every form."""
    return all(message.string) if isinstance(message.string, tuple | list) else bool(message.string)


def lacking(catalogue: Catalog) -> Catalog:
    """What has no translation yet, as a catalogue."""
    only = Catalog(locale=catalogue.locale, charset="utf-8", fuzzy=False, header_comment="# To be translated.")
    for message in catalogue:
        if message.id and not filled(message):
            only.add(message.id, locations=message.locations, auto_comments=message.auto_comments)
    return only


def wrong(catalogue: Catalog) -> Iterator[str]:
    """What is missing, or does not have the places to fill in that the text has."""
    for message in catalogue:
        if not message.id:
            continue
        where = ", ".join(sorted({name for name, _ in message.locations}))
        if not filled(message):
            yield f"no translation of {message.id!r} ({where})"
            continue
        text, string = (one[-1] if isinstance(one, tuple | list) else one or "" for one in (message.id, message.string))
        if sorted(PLACE.findall(string)) != sorted(PLACE.findall(text)):
            yield f"the translation of {message.id!r} ({where}) has other places to fill in: {message.string!r}"


def read(file: Path) -> Catalog:
    """A catalogue from its file; of one whose header says no language, the folder does."""
    with file.open("rb") as opened:
        folder = file.parent.parent.name
        return read_po(opened, locale=folder if file.is_relative_to(LOCALE) else None)


def text_of(catalogue: Catalog) -> str:
    """As a .po: by source file, without line numbers, so that a change of one sentence is a change of a few lines."""
    to = io.BytesIO()
    write_po(to, catalogue, width=120, sort_by_file=True, include_lineno=False)
    return to.getvalue().decode()


def compiled(catalogue: Catalog) -> bytes:
    """As a .mo, for the programs."""
    to = io.BytesIO()
    write_mo(to, catalogue)
    return to.getvalue()


def current(catalogue: Catalog, file: Path) -> bool:
    """Whether the files are what would be written."""
    compiled_file = file.with_suffix(".mo")
    return (
        file.read_text(encoding="utf-8") == text_of(catalogue)
        and compiled_file.exists()
        and compiled_file.read_bytes() == compiled(catalogue)
    )


def write(catalogue: Catalog, file: Path) -> None:
    """Both files, each at one stroke."""
    for path, content in ((file, text_of(catalogue).encode()), (file.with_suffix(".mo"), compiled(catalogue))):
        beside = path.with_name(f".{path.name}.new")
        beside.write_bytes(content)
        beside.replace(path)


@contextmanager
def turn() -> Iterator[None]:
    """Wait until nobody else writes the catalogues. Where there is no flock, nobody waits."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(LOCALE, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    from ending import end_with

    end_with(main)
