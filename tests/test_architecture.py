"""The house rules, read from the sources: who reads the clock, what is documented. Who may import whom is for scripts/check."""

import ast
import graphlib
import re
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import udpmsg
from udpmsg.cli.app import COMMANDS
from udpmsg.core import wire
from udpmsg.lessons.table import LESSONS

PACKAGE = Path(udpmsg.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))

CLOCKS = {
    "time": {
        "clock_gettime",
        "clock_gettime_ns",
        "ctime",
        "gmtime",
        "localtime",
        "monotonic",
        "monotonic_ns",
        "perf_counter",
        "perf_counter_ns",
        "process_time",
        "process_time_ns",
        "strftime",
        "thread_time",
        "thread_time_ns",
        "time",
        "time_ns",
    },
    "datetime": {"now", "today", "utcnow"},
}
"""What reads a clock. `time.sleep` does not."""

each_source = pytest.mark.parametrize("source", SOURCES, ids=lambda source: str(source.relative_to(PACKAGE)))


def module_name(source: Path) -> str:
    """The dotted name of a source file."""
    parts = source.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def tree(source: Path) -> ast.Module:
    return ast.parse(source.read_text(encoding="utf-8"), str(source))


@each_source
def test_only_one_module_reads_the_clock(source: Path) -> None:
    readings = []
    for node in ast.walk(tree(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            readings += [(alias.name, node.lineno) for alias in node.names if alias.name in CLOCKS["time"]]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "time" and node.attr in CLOCKS["time"]:
                readings.append((f"time.{node.attr}", node.lineno))
            elif node.value.id in ("datetime", "date") and node.attr in CLOCKS["datetime"]:
                readings.append((f"{node.value.id}.{node.attr}", node.lineno))
    if source == PACKAGE / "base/clock.py":
        assert readings, "base/clock.py is the reader of the clock, and reads none"
    else:
        assert not readings, f"{source} reads the clock: {readings}; udpmsg.base.clock does that"


def imported(source: Path) -> set[str]:
    """The modules of udpmsg that this one imports anywhere, also in a function or for its types alone."""
    known = {module_name(one) for one in SOURCES}
    found: set[str] = set()
    for node in ast.walk(tree(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if name in known else str(node.module) for name in whole}
    return (found & known) - {module_name(source)}


def test_no_modules_import_each_other_in_a_circle() -> None:
    sorter = graphlib.TopologicalSorter({module_name(source): imported(source) for source in SOURCES})
    sorter.prepare()  # raises CycleError, which names the circle


def test_no_folder_has_files_with_a_common_prefix() -> None:
    """Such a prefix is the name of a folder that is missing."""
    for folder in {source.parent for source in SOURCES}:
        prefixes = Counter(file.stem.partition("_")[0] for file in folder.glob("[a-z]*_*.py"))
        assert not [prefix for prefix, count in prefixes.items() if count > 1], folder


SAME_CLASSES = {
    "Sender": "core's decides, messaging's has the socket, aio's has the tasks; each pair of files carries the same name",
    "Receiver": "as Sender",
    "Seen": "each lesson has one: what its class saw",
}
"""Names that several classes have, and why."""

SAME_FILES = {
    "sender": "core's decides, messaging's has the loop, the twins have the sockets, aio's has the tasks",
    "receiver": "as sender; a benchmark has one too, in a process of its own",
    "run": "a comparison's and a benchmark's: what is done in which order",
    "values": "a relay's and a benchmark's: what is told, as values",
    "story": "each experiment has one: pictures of its results",
    "page": "each experiment has one: its pictures on a page; show's has the pictures themselves",
    "printed": "each experiment has one: its pictures in a terminal",
    "jsonlines": "each experiment has one: its results for programs; show's has the lines of sender and listener",
}
"""Names that several files have, besides the twins and what has a command's or a lesson's name, and why."""


def named(source: Path) -> Iterator[str]:
    """The classes of a module, also inside others, and the other names that it gives to types."""
    for node in ast.walk(tree(source)):
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and not node.targets[0].id.isupper():
            is_variable = isinstance(node.value, ast.Call)  # TypeVar
            yield from [node.targets[0].id] if node.targets[0].id[0].isupper() and not is_variable else []


def test_no_two_classes_have_one_name() -> None:
    places: dict[str, list[str]] = {}
    for source in SOURCES:
        for name in named(source):
            places.setdefault(name, []).append(module_name(source))
    several = {name: where for name, where in places.items() if len(where) > 1}
    assert {name: where for name, where in several.items() if name not in SAME_CLASSES} == {}
    assert several.keys() == SAME_CLASSES.keys(), "a name in the list that only one class has"


def test_no_two_files_have_one_name() -> None:
    of_commands_and_lessons = {PACKAGE / "cli" / f"{name}.py" for name in COMMANDS}
    of_commands_and_lessons |= {PACKAGE / "lessons" / f"{row.name.replace('-', '_')}.py" for row in LESSONS}
    places: dict[str, set[str]] = {}
    for source in SOURCES:
        folder = source.parent.name.replace("udp", "twin").replace("tcp", "twin")
        if not source.stem.startswith("_") and source not in of_commands_and_lessons:
            places.setdefault(source.stem, set()).add(folder)
    several = {name: where for name, where in places.items() if len(where) > 1}
    assert {name: where for name, where in several.items() if name not in SAME_FILES} == {}
    assert several.keys() == SAME_FILES.keys(), "a name in the list that only one file has"


@pytest.mark.parametrize("printer", ["figure", "page", "pictures", "shell", "text"])
def test_a_printer_of_pictures_knows_no_mode(printer: str) -> None:
    source = (PACKAGE / "show" / f"{printer}.py").read_text(encoding="utf-8")
    assert not re.findall(r"""["'](?:udp|tcp)[^"']*["']""", source)


def test_no_word_stands_in_the_glossary_twice() -> None:
    rows = (PACKAGE.parent / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
    words = Counter(word.strip() for row in rows if row.startswith("|") for word in row.split("|")[1].split(","))
    assert [word for word, count in words.items() if count > 1] == []


def test_the_library_loads_no_command_line_and_no_event_loop() -> None:
    program = "import sys; from udpmsg import *; print(*sys.modules)"  # every public name, also those loaded when asked for
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert "udpmsg.core.sender" in loaded
    assert {"typer", "click", "rich", "asyncio", "numpy"}.isdisjoint(loaded)


def public(nodes: list[ast.stmt], where: str) -> Iterator[tuple[str, ast.AST]]:
    """Every public class, function and method: its dotted name and its node."""
    for node in nodes:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
            if "overload" in decorators or any(name.endswith(".setter") for name in decorators):
                continue
            yield f"{where}.{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body, f"{where}.{node.name}")


@each_source
def test_every_public_name_is_documented(source: Path) -> None:
    module = tree(source)
    name = module_name(source)
    missing = [] if ast.get_docstring(module) else [name]
    for dotted, node in public(module.body, name):
        if not ast.get_docstring(node):  # type: ignore[arg-type]
            missing.append(f"{dotted} (line {node.lineno})")  # type: ignore[attr-defined]
    assert not missing, f"no docstring: {', '.join(missing)}"


def test_the_public_names_are_listed_and_there() -> None:
    assert udpmsg.__all__
    for name in udpmsg.__all__:
        assert hasattr(udpmsg, name), name
    assert (PACKAGE / "py.typed").exists()


WIRE_FORMAT = (PACKAGE.parent / "docs" / "wire-format.md").read_text(encoding="utf-8")


def table(first_column: str) -> list[list[str]]:
    """The rows of the table in docs/wire-format.md whose first column has this heading."""
    rows = WIRE_FORMAT.partition(f"\n| {first_column} |")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def examples() -> list[bytes]:
    """The datagrams that docs/wire-format.md spells out in hex."""
    blocks = re.findall(r"```hex\n(.*?)```", WIRE_FORMAT, re.DOTALL)
    return [bytes.fromhex("".join(line.split()[0] for line in block.splitlines())) for block in blocks]


def test_the_page_on_the_wire_format_has_the_sizes_of_the_code() -> None:
    structures = {name: value for name, value in vars(wire).items() if isinstance(value, struct.Struct)}
    assert table("structure") == [[name, f"`{structure.format}`", str(structure.size)] for name, structure in structures.items()]


def test_the_page_on_the_wire_format_has_the_header_of_the_code() -> None:
    letters = {"u8": "B", "u16": "H", "u64": "Q"}
    rows = table("offset")
    assert ">" + "".join(letters[size] for _, _, size, _ in rows) == wire.HEADER.format
    ends = [struct.calcsize(wire.HEADER.format[: field + 1]) for field in range(1, len(rows) + 1)]
    assert [int(offset) for offset, *_ in rows] == [0, *ends[:-1]]


def test_the_page_on_the_wire_format_has_the_numbers_of_the_code() -> None:
    assert [(name, int(number)) for name, number, _ in table("kind")] == [(kind.name, kind.value) for kind in wire.Kind]
    assert all(getattr(wire, name) == int(bit) for name, bit, _ in table("flag"))
    assert [int(bit) for _, bit, _ in table("flag")] == [1 << bit for bit in (*range(6), 8)]
    assert f"length u8 (1 to {wire.MAX_TITLE})" in WIRE_FORMAT
    assert f"at most {wire.MAX_RANGES} of each sort" in WIRE_FORMAT.replace("\n", " ")


def test_the_examples_in_the_page_on_the_wire_format_decode_to_what_it_says() -> None:
    message, titled, acknowledgment, report = examples()
    assert wire.decode(message) == wire.Datagram(
        kind=wire.Kind.MESSAGE,
        session=0x0123456789ABCDEF,
        number=9,
        sequence=4,
        sent_at=1_250_000,
        payload=b"hello",
        lowest=4,
        transmission=2,
    )
    assert wire.decode(titled) == wire.Datagram(
        kind=wire.Kind.MESSAGE,
        session=0x0123456789ABCDEF,
        number=7,
        sequence=7,
        sent_at=1_250_000,
        payload=b"hello",
        title="n.txt",
    )
    decoded = wire.decode(acknowledgment)
    assert (decoded.kind, decoded.session, decoded.number) == (wire.Kind.ACK, 0xFEDCBA9876543210, 3)
    assert wire.decode_acknowledgment(decoded.payload) == wire.Acknowledgment(
        session=0x0123456789ABCDEF,
        largest=9,
        delay_us=180,
        credit=255,
        credit_bytes=2 << 20,
        all_below=5,
        arrived=[(1, 3), (5, 9)],
        delivered=[],
    )
    decoded = wire.decode(report)
    assert (decoded.kind, decoded.session, decoded.number) == (wire.Kind.REPORT, 0xFEDCBA9876543210, 51)
    assert wire.decode_report(decoded.payload) == wire.Report(
        session=0x0123456789ABCDEF,
        question=104,
        delivered=96,
        arrived=97,
        duplicates=2,
        reordered=3,
        over_limit=0,
        payload_bytes=9600,
        highest=100,
        forgotten=0,
        duration_us=1_980_000,
        kernel_drops=None,
        begins_at=1,
        goes_on_at=0,
        jitter_us=412,
        missing=[(4, 4), (17, 18)],
    )


def test_the_page_on_the_wire_format_has_the_report_of_the_code() -> None:
    letters = {"u64": "Q", "u32": "I"}
    sizes = [letters[size] for _, size, _ in table("field of a REPORT")]
    assert sizes == ["Q"] * 14 + ["I"] * 2
    assert struct.calcsize(">" + "".join(sizes)) == wire.REPORT_BODY.size
    assert f"then {wire.QUERY_SIZE - wire.NUMBER.size} zero bytes" in WIRE_FORMAT
    assert f"at most {wire.MAX_RANGES} ranges" in WIRE_FORMAT
