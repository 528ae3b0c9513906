"""The language in which people are told things: which it is, that every text is translated, and what it costs."""

import ast
import importlib.util
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import needed
from udpmsg.base import language
from udpmsg.base.errors import CannotConnect, MessageTooLarge, Phrase, UsageError
from udpmsg.base.language import _, number, plural, said, told

PROJECT = Path(__file__).parent.parent
SAMPLE = "Question"


@pytest.fixture(autouse=True)
def no_settings_of_a_user(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No language of the system, and none chosen; afterwards that of the system again."""
    for variable in language.SYSTEM:
        monkeypatch.delenv(variable, raising=False)
    language.choose(None)
    yield
    monkeypatch.undo()
    language.choose(None)


def test_every_text_has_its_translation_and_the_catalogues_are_compiled() -> None:
    try:
        import babel  # noqa: F401
    except ImportError:
        needed("babel", "nothing to read the catalogues with; pip install -e '.[dev]'")
    check = [sys.executable, str(PROJECT / "scripts" / "translate.py"), "--check"]
    ended = subprocess.run(check, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr + "scripts/translate --missing prints what to translate"


@pytest.fixture
def translate() -> Any:
    """The script, as a module."""
    try:
        import babel  # noqa: F401
    except ImportError:
        needed("babel", "nothing to read the catalogues with; pip install -e '.[dev]'")
    found = importlib.util.spec_from_file_location("translate", PROJECT / "scripts" / "translate.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


SAY_INSTEAD = {
    "hospedeir": "host",
    "livro-raz": "registro por mensagem",
    r"\bcru(s|a|as)?\b": "bruto",
    "o que elas compram|compra alguma coisa": "o que oferecem em troca",
    "um tempo e meio|meio tempo de ida|tempo de ida e volta inteiro": "uma ida e volta e meia",
    "quem lia a saída": "a saída foi fechada",
    "sobre (UDP|TCP|o UDP|o TCP|uma conexão)": "por UDP, por TCP, por uma conexão",
    "ninguém lá,": "ninguém responde",
    "tal arquivo|tal mensagem": "esse arquivo não existe",
    "valem mais": "prevalecem",
    "que se fale aqui": "disponível aqui",
}
"""Portuguese that is English translated word by word, and what a teacher in Brazil says."""


def test_portuguese_is_what_a_teacher_in_brazil_says(translate: Any) -> None:
    pages = [*PROJECT.glob("*.pt-BR.md"), *PROJECT.glob("docs/*.pt-BR.md")]
    texts = {page.name: page.read_text(encoding="utf-8") for page in pages}
    for file in translate.LOCALE.glob("pt_BR/LC_MESSAGES/udpmsg.po"):
        texts |= {message.id: str(message.string) for message in translate.read(file) if message.id}
    said = [
        (where, found.group(), "say: " + better)
        for where, text in texts.items()
        for pattern, better in SAY_INSTEAD.items()
        for found in re.finditer(pattern, text, re.IGNORECASE)
    ]
    assert said == []


PLAINLY = {
    r"\bhangs? (up)?on\b": "depends on",
    r"\bin the mean\b": "on average",
    r"\bwhose?soever\b|\bwhosever\b|\bwhom(so)?ever\b": "from any sender",
    r"\bbef(all|alls|ell)\b": "what happens to, happened",
    r"nobody knows how long": "for an unknown time",
    r"\b(an?|one) (?!with|fails)[a-z]+ an? (call|fault|figure|frame|message|mode|repetition|row|run|size|trial)\b": "one … per …",
    r"\b(frame|datagram|segment)s a message\b(?! [a-z]+s\b)": "… per message",
    r"\bat most so (often|long)\b|\bWait so long\b": "at most N times, how long to wait",
    r"\b(without any|needs no) right\b": "without special privileges",
    r"\bbefore (any|every) (UDP )?program\b": "in front of any program",
    r"\boptions count more\b": "options take precedence",
    r"\bRight is [a-d{]": "The answer is",
    r"\bstands below it\b": "is shown below",
    r"\bmore of the like\b": "further cases",
    r"\bin peace\b": "without an exception",
    r"\b(accept|closing|from|than|to) who\b|\bfor who(?!,)\b": "a peer that, those that, a caller that",
    r"\b(and|, since|;) who has (?!to)": "a connection that has",
    r"\bno way leads\b": "no route leads",
    r"\bthe books of\b|\b(sender|receiver)'s books\b": "bookkeeping",
    r'"""So (few|long|many|much|often)\b': "at most this number, note how many, `count` messages",
    r'"""Who\b(?![^."]*\?)': "the sender that, what: name the thing",
}
"""English that is compressed into a riddle, or translated word by word, and what to say."""


def test_english_is_plain() -> None:
    suffixes = {".py", ".md", ".lua", ".js", ".html", ".css", ".toml", ""}
    folders = [PROJECT / folder for folder in ("udpmsg", "docs", "scripts", "examples")]
    files = [*PROJECT.glob("*.md"), *(file for folder in folders for file in folder.rglob("*"))]
    said = []
    for file in sorted(files):
        if file.is_file() and file.suffix in suffixes and ".min." not in file.name:
            text = file.read_text(encoding="utf-8")
            for pattern, better in PLAINLY.items():
                for found in re.finditer(pattern, text):
                    line = text.count("\n", 0, found.start()) + 1
                    said.append(f"{file.relative_to(PROJECT)}:{line}: {found.group()!r}: say: {better}")
    assert said == []


def test_a_translation_that_is_given_takes_the_place_of_the_one_there_is(translate: Any, tmp_path: Path) -> None:
    given = tmp_path / "given.po"
    given.write_text('msgid "Question"\nmsgstr "Quest\u00e3o"\n', encoding="utf-8")
    [file] = translate.LOCALE.glob("pt_BR/LC_MESSAGES/udpmsg.po")
    was = translate.translations(translate.read(file))
    now = translate.translations(translate.updated(translate.read(file), [given]))
    assert {text: now[text] for text in was if now[text] != was[text]} == {"Question": "Quest\u00e3o"}


def test_texts_are_found_wherever_they_stand(translate: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "said.py").write_text(
        """print(f"{_('inside')} {N_('marked')}")
raise errors.UsageError("{} is " "too much; {}", 3, Phrase("less"))
plural("{} vote", "{} votes", 3), one_of(text, names, "mode"), MessageTooLarge(1, 2, "cut it"), _(name), _("")
"""
    )
    monkeypatch.setattr(translate, "PACKAGE", tmp_path)
    monkeypatch.setattr(translate, "PROJECT", tmp_path)
    texts = [text for text, name in translate.extracted() if name == "said.py"]
    assert texts == ["inside", "marked", "{} is too much; {}", "less", ("{} vote", "{} votes"), "mode", "cut it"]
    assert list(translate.computed()) == []


@pytest.mark.parametrize(
    "call", ["_(f'{count} votes')", "UsageError(f'{text!r} is none')", "Phrase('one ' + word)", "N_('%s' % x)"]
)
def test_a_text_that_no_catalogue_can_have_is_refused(
    translate: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, call: str
) -> None:
    (tmp_path / "said.py").write_text(call)
    monkeypatch.setattr(translate, "PACKAGE", tmp_path)
    monkeypatch.setattr(translate, "PROJECT", tmp_path)
    assert [complaint.partition(": ")[0] for complaint in translate.computed()] == ["said.py:1"]


SAYING = {"BadParameter", "_give_up", "_note", "hint", "paint", "print", "prompt", "say", "status", "trouble"}
"""Functions whose first argument people read."""


@pytest.mark.parametrize("folder", ["cli", "report"])
def test_what_is_said_is_marked(folder: str) -> None:
    """Words stand in a call that translates them, and not bare in one that shows them."""
    bare = []
    for source in sorted((PROJECT / "udpmsg" / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args:
                name = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
                if name in SAYING and words(node.args[0]):
                    bare.append(f"{source.name}:{node.lineno}: {ast.unparse(node.args[0])}")
    assert bare == []


def words(text: ast.expr) -> list[str]:
    """The words of a literal; the program's own name is none."""
    if isinstance(text, ast.JoinedStr):
        return [word for part in text.values for word in words(part)]
    if isinstance(text, ast.BinOp):
        return words(text.left) + words(text.right)
    if isinstance(text, ast.Constant) and isinstance(text.value, str):
        return re.findall("[A-Za-z]{2,}", text.value.replace("udpmsg", ""))
    return []


def test_english_is_what_the_sources_say() -> None:
    assert _(SAMPLE) == SAMPLE
    assert [plural("{} vote", "{} votes", count) for count in (0, 1, 2)] == ["{} votes", "{} vote", "{} votes"]
    assert number(65_507) == "65,507"
    assert number(20.25, ",.1f") == "20.2"


def test_portuguese_is_what_the_catalogue_says() -> None:
    language.choose("pt-BR")
    assert _(SAMPLE) == "Pergunta"
    assert [plural("{} vote", "{} votes", count) for count in (0, 1, 2)] == ["{} voto", "{} voto", "{} votos"]
    assert number(65_507) == "65.507"
    assert number(1234.5, ",.1f") == "1.234,5"
    assert _("no catalogue has this") == "no catalogue has this"
    assert _("") == ""


def test_an_error_is_english_and_is_told_in_the_user_s_language() -> None:
    reason = Phrase("{} did not answer within {:g} s", "127.0.0.1:5000", 1.5)
    error = CannotConnect(
        "cannot connect over TCP ({}): start a listener there first (udpmsg listen --tcp), or check host and port", reason
    )
    language.choose("pt-BR")
    assert str(error).startswith("cannot connect over TCP (127.0.0.1:5000 did not answer within 1.5 s): start a listener")
    assert told(error).startswith("não é possível conectar por TCP (127.0.0.1:5000 não respondeu em 1,5 s): inicie")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), told(again)) == (str(error), told(error))


def test_the_advice_of_a_message_too_large_is_told_too() -> None:
    language.choose("pt-BR")
    for advice, said_here in (
        ("cut it up", "cut it up"),
        (Phrase("raw bytes travel in one datagram"), "bytes brutos viajam num só datagrama"),
    ):
        error = MessageTooLarge(9, 5, advice)
        assert str(error) == f"the message has 9 bytes and the limit is 5; nothing was sent: {advice}"
        assert told(error) == f"a mensagem tem 9 bytes e o limite é 5; nada foi enviado: {said_here}"
        assert told(pickle.loads(pickle.dumps(error))) == told(error)


def test_a_phrase_is_a_text_that_can_be_told() -> None:
    phrase = Phrase("fragment {} of {}", 3, 2)
    assert (phrase, str(UsageError(phrase.sentence, *phrase.values))) == ("fragment 3 of 2", "fragment 3 of 2")
    assert (told(phrase), told("end of stream"), told("")) == ("fragment 3 of 2", "end of stream", "")
    language.choose("pt-BR")
    assert (told(phrase), told("end of stream"), told("")) == ("fragmento 3 de 2", "fim do fluxo", "")
    assert told(str(UsageError("fragment {} of {}", 3, 2))) == "fragmento 3 de 2"  # `str` of an error is a phrase
    assert told(pickle.loads(pickle.dumps(phrase))) == "fragmento 3 de 2"
    assert Phrase("{as it stands}") == "{as it stands}"


def test_a_word_may_say_what_it_is_said_of() -> None:
    assert said("message|refused") == "refused"
    language.choose("pt-BR")
    assert said("message|refused") == "recusada"


@pytest.mark.parametrize(
    ("settings", "spoken"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "pt_BR.UTF-8"}, "pt-BR"),
        ({"LANG": "pt_PT@euro"}, "pt-BR"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "pt_BR.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "pt_BR.UTF-8"}, "pt-BR"),
        ({"LANG": "de_DE.UTF-8", "LANGUAGE": "de:pt_BR:en"}, "pt-BR"),
        ({"LANG": "pt_BR.UTF-8", "LANGUAGE": "de"}, "pt-BR"),
        ({"LANG": "de_DE.UTF-8", "UDPMSG_LANG": "pt"}, "pt-BR"),
        ({"LANG": "pt_BR.UTF-8", "UDPMSG_LANG": "en"}, "en"),
    ],
)
def test_the_user_s_setting_counts_more_than_the_system_s(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], spoken: str
) -> None:
    for variable, value in settings.items():
        monkeypatch.setenv(variable, value)
    assert language.spoken() == spoken
    language.choose("en")
    assert language.spoken() == "en"


@pytest.mark.parametrize("arguments", [["demo", "--lang", "pt"], ["--lang=pt-BR"], ["send", "h", "--lang", "PT_br"]])
def test_a_command_line_is_heard_before_anything_else(arguments: list[str]) -> None:
    language.choose_from(arguments)
    assert language.spoken() == "pt-BR"


@pytest.mark.parametrize(
    "arguments", [["send", "h", "--", "--lang", "pt"], ["demo"], ["demo", "--lang"], ["demo", "--lang", "xx"]]
)
def test_what_asks_for_no_language_of_ours_changes_nothing(arguments: list[str]) -> None:
    language.choose_from(arguments)
    assert language.spoken() == "en"


def test_a_language_that_nobody_speaks_is_refused_with_those_there_are() -> None:
    assert language.parse("pt_BR.UTF-8") == "pt-BR"
    with pytest.raises(UsageError, match=re.escape("'klingon' is not a language that is spoken here; choose from en, pt-BR")):
        language.parse("klingon")


def test_an_installation_without_catalogues_speaks_english(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(language, "__file__", str(tmp_path / "language.py"))
    language.choose("pt-BR")
    assert _(SAMPLE) == SAMPLE


@pytest.mark.parametrize(("spoken", "loaded"), [("en", False), ("pt-BR", True)])
def test_english_loads_no_catalogue_and_nothing_that_reads_one(spoken: str, loaded: bool) -> None:
    program = "import sys; from udpmsg.base.language import _; _('Question'); print('gettext' in sys.modules)"
    environment = os.environ | {"UDPMSG_LANG": spoken}
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert output.stdout.strip() == str(loaded)


def test_numbers_in_what_the_library_says_are_written_as_in_the_language() -> None:
    """Also in the phrases and errors within; what is no number, and a number as a program writes it, stay as they are."""
    inner = Phrase("{:.1f} s", 2.5)
    phrase = Phrase("{:,} of {!r}: {} {}", 12_345, 1.5, inner, "1.5s")
    assert str(phrase) == "12,345 of 1.5: 2.5 s 1.5s"
    assert told(phrase) == "12,345 of 1.5: 2.5 s 1.5s"
    language.choose("pt-BR")
    assert told(phrase) == "12.345 of 1.5: 2,5 s 1.5s"
    assert told(UsageError("{:g} s", 0.5)) == "0,5 s"
