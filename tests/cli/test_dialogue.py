"""The classroom dialogue, sentence by sentence (DESIGN §1): with the lines piped in, and in a pseudo-terminal."""

import os
import subprocess

from tests.cli.conftest import Commands, free_port
from tests.cli.terminal import Terminal

PATIENT = ("--wait", "15s")
"""For replies that come: at once, and on a machine with too much to do not within the second that is usual."""


def test_the_server_answers_each_request_and_ends_with_the_client(commands: Commands, over: list[str]) -> None:
    listener = commands.listen(*over, "--echo", "--once")
    client = commands.send(listener.address, *PATIENT, *over, input="Guten Tag\nWie geht's?\nbye\nnever sent\n")
    assert client.wait() == 0
    assert client.out.lines == ["Guten Tag", "Wie geht's?", "bye"]
    assert "3 messages sent; 3 answered" in client.err.finish()
    assert listener.wait() == 0
    assert [message["text"] for message in listener.events("message")] == ["Guten Tag", "Wie geht's?", "bye"]


def test_the_end_of_the_input_ends_the_client_too(commands: Commands, over: list[str]) -> None:
    listener = commands.listen(*over, "--echo", "--once")
    client = commands.send(listener.address, *PATIENT, *over, input="one\n\nlast without a line end")
    assert client.wait() == 0
    assert client.out.lines == ["one", "", "last without a line end"]
    assert listener.wait() == 0


def test_the_one_who_starts_it_chooses_the_farewell(commands: Commands, over: list[str]) -> None:
    listener = commands.listen(*over, "--echo")
    client = commands.send(listener.address, "--bye", "tschüss", *PATIENT, *over, input="bye\ntschüss\nnever sent\n")
    assert client.wait() == 0
    assert client.out.lines == ["bye", "tschüss"]


def test_the_server_stops_on_a_word_that_a_client_sends(commands: Commands, over: list[str]) -> None:
    listener = commands.listen(*over, "--echo", "--stop-word", "halt")
    assert commands.send(listener.address, *PATIENT, *over, input="hello\nbye\n").wait() == 0
    second = commands.send(listener.address, *PATIENT, *over, input="hello\nhalt\n")
    assert second.wait() == 0
    assert second.out.lines == ["hello", "halt"]
    assert listener.wait() == 0


def test_lines_that_nobody_answers_are_3(commands: Commands, over: list[str]) -> None:
    listener = commands.listen(*over, "--once")
    client = commands.send(listener.address, "--wait", "200ms", *over, input="hello\nbye\n")
    assert client.wait() == 3
    assert "--wait 0 asks for no answer" in client.err.finish()
    assert listener.wait() == 0


def test_lines_without_waiting(commands: Commands, over: list[str]) -> None:
    listener = commands.listen(*over, "--once")
    client = commands.send(listener.address, "--wait", "0", *over, input="hello\nbye\n")
    assert client.wait() == 0
    assert listener.wait() == 0
    assert listener.summary()["messages_delivered"] == 2


def test_confirmed_lines_need_no_answer(commands: Commands, over: list[str]) -> None:
    listener = commands.listen(*over, "--once")
    client = commands.send(
        listener.address, "--ack", "--wait", "0s", "--json", *over, input="".join(f"{n}\n" for n in range(500))
    )
    assert client.wait() == 0
    assert client.summary()["messages_delivered"] == 500
    assert listener.wait() == 0
    assert [message["text"] for message in listener.events("message")] == [str(n) for n in range(500)]


def test_lines_at_a_pace(commands: Commands) -> None:
    listener = commands.listen("--once")
    client = commands.send(listener.address, "--interval", "200ms", "--wait", "0", "--json", input="a\nb\nc\nd\n")
    assert client.summary()["duration_s"] >= 0.2  # 0.6 by the schedule, which a first line that was late shortens
    listener.wait()


def test_a_line_over_the_limit_is_not_sent_and_the_others_are(commands: Commands) -> None:
    listener = commands.listen("--once")
    client = commands.send(listener.address, "--max-message", "100", "--wait", "0", input=b"a\n" + b"x" * 5000 + b"\nb\n")
    assert client.wait() == 3
    assert "the message has 5000 bytes and the limit is 100" in client.err.finish()
    assert "1 not sent" in client.err.finish()
    listener.wait()
    assert [message["text"] for message in listener.events("message")] == ["a", "b"]


def test_no_input_is_said(commands: Commands, over: list[str]) -> None:
    listener = commands.listen(*over)
    client = commands.send(listener.address, *over)
    assert client.wait() == 0
    assert "Nothing was sent: standard input had no line" in client.err.finish()


def test_answering_by_hand_pairs_lines_with_messages(commands: Commands, over: list[str]) -> None:
    listener = commands.listen(*over, "--interactive", "--count", "3", stdin=subprocess.PIPE)
    listener.type("first\n")  # before there is anything to answer
    client = commands.start("send", listener.address, "--wait", "15s", *over, stdin=subprocess.PIPE)
    client.type("1\n2\n3\n")
    client.out.wait_for("first")
    listener.type("second\nthird\n")
    client.out.wait_for("third")
    client.end_input()
    assert client.wait() == 0
    assert client.out.lines == ["first", "second", "third"]
    assert listener.wait() == 0


def test_ctrl_c_in_the_middle_of_a_dialogue(commands: Commands, over: list[str]) -> None:
    listener = commands.listen(*over, "--echo")
    client = commands.start("send", listener.address, "--json", *over, stdin=subprocess.PIPE)
    client.type("hello\n")
    client.out.wait_for('"reply"')
    client.signal()
    assert client.wait() == 130
    assert client.summary()["messages_sent"] == 1


def test_a_dialogue_in_a_terminal(commands: Commands, over: list[str], terminal: type[Terminal]) -> None:
    listener = commands.listen(*over, "--echo", "--once")
    client = terminal("send", listener.address, *PATIENT, *over)
    client.expect("bye ends")
    client.expect("> ")
    client.type("Guten Tag")
    client.expect("Guten Tag\r\n")
    client.expect("< Guten Tag\r\n")  # the reply is under its line
    client.expect("> ")
    client.type("bye")
    client.expect("< bye\r\n")
    assert client.wait() == 0
    assert "2 messages sent; 2 answered" in client.screen
    assert listener.wait() == 0


def test_a_line_without_a_reply_says_so(commands: Commands, over: list[str], terminal: type[Terminal]) -> None:
    listener = commands.listen(*over, "--once")
    client = terminal("send", listener.address, "--wait", "200ms", *over)
    client.expect("> ")
    client.type("anybody?")
    client.expect("no reply within 200 ms")
    client.expect("> ")
    client.type("bye")
    assert client.wait() == 3
    assert listener.wait() == 0
    assert listener.summary()["messages_delivered"] == 2


def test_a_dialogue_with_nobody_names_the_refusal(terminal: type[Terminal]) -> None:
    client = terminal("send", f"127.0.0.1:{free_port()}", "--wait", "100ms")
    client.expect("> ")
    client.type("anybody?")
    client.expect("no reply within 100 ms: ICMP says nobody listens on 127.0.0.1")
    client.expect("> ")
    client.type("bye")
    assert client.wait() == 4


def test_a_late_reply_is_shown_as_one(commands: Commands, terminal: type[Terminal]) -> None:
    listener = commands.listen("--interactive", stdin=subprocess.PIPE)
    client = terminal("send", listener.address, "--wait", "100ms")
    client.expect("> ")
    client.type("first question")
    client.expect("no reply within 100 ms")
    client.expect("> ")
    client.type("second question")
    client.expect("no reply within 100 ms")
    listener.type("first answer\n")
    client.expect_rows("< first answer  (late, to #1)", "> ")
    client.type("bye")
    client.wait()


def test_ctrl_c_and_ctrl_d_at_the_prompt(commands: Commands, over: list[str], terminal: type[Terminal]) -> None:
    listener = commands.listen(*over)
    for key, code in (("\x03", 130), ("\x04", 0)):
        client = terminal("send", listener.address, *over)
        client.expect("> ")
        if key == "\x03":
            client.process.send_signal(2)
        else:
            os.write(client._main, key.encode())
        assert client.wait() == code
        assert "Traceback" not in client.screen


def test_answering_by_hand_in_a_terminal(commands: Commands, terminal: type[Terminal]) -> None:
    port = free_port()
    server = terminal("listen", "--port", str(port), "--interactive", "--count", "1")
    server.expect("Listening on udp")
    server.expect(f"udpmsg send 127.0.0.1:{port}\r\n")  # without a text: a dialogue, which waits for answers
    client = commands.start("send", f"127.0.0.1:{port}", "question", "--wait", "15s")
    server.expect("#1   question")
    server.expect(" “question”> ")
    server.type("answer")
    assert client.wait() == 0
    assert client.out.lines == ["answer"]
    assert server.wait() == 0


def test_of_two_clients_the_prompt_says_who_is_answered(commands: Commands, over: list[str], terminal: type[Terminal]) -> None:
    address = f"127.0.0.1:{free_port()}"
    server = terminal("listen", "--port", address.rpartition(":")[2], "--interactive", *over)
    server.expect("Send to it")
    ana = commands.start("send", address, "hi from Ana", "--wait", "15s", *over)
    server.expect(" “hi from Ana”> ")
    ben = commands.start("send", address, "--wait", "15s", *over, stdin=subprocess.PIPE)
    ben.type("a question that is longer than a prompt can be\n")
    server.expect_rows("#1   a question that is longer than a prompt can be", " “hi from Ana”> ")  # it stands below what came
    server.type("hello Ana")
    server.expect(" “a question that is long…”> ")
    assert ana.wait() == 0
    server.expect_rows("said goodbye after 1 message", " “a question that is long…”> ")  # Ana's goodbye changes nothing
    server.type("hello Ben")
    ben.out.wait_for("hello Ben")
    assert ana.out.lines == ["hello Ana"]
    server.type("again")
    server.expect("nobody waits for an answer: “again” was not sent")
    ben.end_input()
    assert ben.wait() == 0
    assert ben.out.lines == ["hello Ben"]


def test_who_is_gone_is_not_answered_nor_anybody_else_instead(
    commands: Commands, over: list[str], terminal: type[Terminal]
) -> None:
    address = f"127.0.0.1:{free_port()}"
    server = terminal("listen", "--port", address.rpartition(":")[2], "--interactive", *over)
    server.expect("Send to it")
    assert commands.start("send", address, "who does not wait", "--wait", "0s", *over).wait() == 0
    server.expect("said goodbye")
    ana = commands.start("send", address, "hi from Ana", "--wait", "2s", *over)
    server.expect(" “hi from Ana”> ")
    ben = commands.start("send", address, "hi from Ben", "--wait", "15s", *over)
    server.expect("hi from Ben")
    assert ana.wait() == 3
    server.expect(" is gone; Enter goes on> ")
    server.type("what Ana may read")
    server.expect(" is gone: “what Ana may read” was not sent")
    server.expect(" “hi from Ben”> ")
    server.type("hello Ben")
    assert ben.wait() == 0
    assert ben.out.lines == ["hello Ben"]


def test_a_line_that_was_begun_for_one_who_leaves_is_not_finished_for_the_next(
    commands: Commands, over: list[str], terminal: type[Terminal]
) -> None:
    address = f"127.0.0.1:{free_port()}"
    server = terminal("listen", "--port", address.rpartition(":")[2], "--interactive", *over)
    server.expect("Send to it")
    ana = commands.start("send", address, "hi from Ana", "--wait", "1s", *over)
    server.expect(" “hi from Ana”> ")
    server.press("for Ana")  # less than a moment before she leaves: her prompt is taken away
    ben = commands.start("send", address, "hi from Ben", "--wait", "15s", *over)
    assert ana.wait() == 3
    server.expect("said goodbye")
    server.expect(" “hi from Ben”> ")
    server.type("hello Ben")
    assert ben.wait() == 0
    assert ben.out.lines == ["hello Ben"]


def test_a_long_wait_is_explained(terminal: type[Terminal]) -> None:
    client = terminal("send", f"127.0.0.1:{free_port()}", "hello", "--ack", "--deadline", "30s")
    client.expect("1 unconfirmed (ICMP: nobody listens), 2 s of 5 s, Ctrl-C stops")
    client.process.send_signal(2)
    assert client.wait() == 130


def test_the_connection_ends_under_the_prompt(commands: Commands, terminal: type[Terminal]) -> None:
    listener = commands.listen("--tcp", "--echo")
    client = terminal("send", listener.address, "--tcp")
    client.expect("> ")
    client.type("hello")
    client.expect("< hello")
    client.expect("> ")
    listener.signal()
    assert listener.wait() == 130
    assert client.wait() == 0
    assert f"{listener.address} ended the connection" in client.screen
