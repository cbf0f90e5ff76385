"""Secret references: resolved, or a problem; never the reference itself, never in a message."""

from unit.definition.written import APP, Written

APP_WITH = 'name: demo\nkey: "203753385"\nsecret: §{}\n'


def app(written: Written, reference: str) -> Written:
    return written.write(APP, APP_WITH.format(reference))


def secret(written: Written) -> str:
    return written.load().apps[0].secret.reveal()


def test_a_secret_comes_from_the_environment(written: Written) -> None:
    written.environ["APP"] = "from-env"
    assert secret(app(written, "env:APP")) == "from-env"
    assert written.warnings() == []


def test_a_secret_comes_from_a_file_beside_the_definition_without_its_line_end(
    written: Written,
) -> None:
    for content in ("from-file", "from-file\n", "from-file\r\n"):
        (written.root / "definitions/apps/demo.secret").write_bytes(content.encode())
        assert secret(app(written, "file:demo.secret")) == "from-file"
    assert written.warnings() == []


def test_a_literal_works_with_a_warning(written: Written) -> None:
    assert secret(app(written, "literal-secret")) == "literal-secret"
    assert written.warnings() == written.expected(
        "secret is written in the file; write env:NAME or file:path instead"
    )


def test_a_variable_that_is_not_set_is_a_problem(written: Written) -> None:
    assert app(written, "env:MISSING").problems() == written.expected(
        "secret refers to the environment variable MISSING, which is not set; "
        "set MISSING before the start, or use file:path"
    )


def test_a_file_that_does_not_exist_is_a_problem(written: Written) -> None:
    assert app(written, "file:missing").problems() == written.expected(
        "secret refers to the file missing, which does not exist; "
        "write a path relative to this file, or use env:NAME"
    )


def test_a_file_that_is_too_large_empty_or_no_text_is_a_problem(written: Written) -> None:
    file = written.root / "definitions/apps/demo.secret"
    app(written, "file:demo.secret")
    file.write_bytes(b"x" * 4097)
    assert written.problems() == written.expected(
        "secret refers to the file demo.secret, which is larger than 4096 bytes; "
        "keep the secret alone in its file"
    )
    file.write_bytes(b"x" * 4096)
    assert written.problems() == []
    file.write_bytes(b"\n")
    assert written.problems() == written.expected(
        "secret refers to the file demo.secret, which is empty; write it"
    )
    file.write_bytes(b"\xff")
    assert written.problems() == written.expected(
        "secret refers to the file demo.secret, which cannot be read; "
        "write a path relative to this file, or use env:NAME"
    )


def test_a_secret_of_several_lines_is_a_problem_that_does_not_show_it(written: Written) -> None:
    written.environ["APP"] = "first\nsecond"
    assert app(written, "env:APP").problems() == written.expected(
        "the secret holds a line break, control sign or outer blank; write it as one plain line"
    )


def test_a_secret_prints_as_stars(written: Written) -> None:
    project = written.load()
    assert "MySuperAppSecret-42" not in repr(project)
    assert "BackendSecret-1" not in repr(project)
