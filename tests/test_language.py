"""The language in which people are told things: which it is, that every text is translated, and what it costs."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import needed
from udpmsg import language
from udpmsg.errors import UsageError
from udpmsg.language import _, number, plural

PROJECT = Path(__file__).parent.parent
SAMPLE = "Question"


@pytest.fixture(autouse=True)
def nobody_s_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
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
    program = "import sys; from udpmsg.language import _; _('Question'); print('gettext' in sys.modules)"
    environment = os.environ | {"UDPMSG_LANG": spoken}
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert output.stdout.strip() == str(loaded)
