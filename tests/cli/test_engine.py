"""Steps of setting up: side by side, once, in order, and again after a failure."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from door.cli.setup import engine
from door.cli.setup.engine import Call, Step, environment, run
from door.cli.setup.explain import SetupError


class Book:
    """Makes steps and writes down which ran."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ran: list[str] = []

    def step(self, name: str, *after: str, key: str = "1", work: Callable[[Call], None] | None = None) -> Step:
        def do(call: Call) -> None:
            if work:
                work(call)
            self.ran.append(name)

        return Step(name=name, what=name, stamp=self.root / name, key=key.encode, work=do, after=after)


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path)


def test_steps_run_after_what_they_need_and_only_once(book: Book, capsys: pytest.CaptureFixture[str]) -> None:
    steps = [book.step("page", "house"), book.step("house", "tool"), book.step("tool")]
    run(steps, book.root)
    assert book.ran == ["tool", "house", "page"]
    capsys.readouterr()
    run(steps, book.root)
    assert book.ran == ["tool", "house", "page"]
    assert capsys.readouterr() == ("", "")


def test_independent_steps_run_at_the_same_time(book: Book) -> None:
    both = threading.Barrier(2, timeout=10)  # breaks unless two are inside together

    def meet(_: Call) -> None:
        both.wait()

    run([book.step("a", work=meet), book.step("b", work=meet)], book.root)
    assert sorted(book.ran) == ["a", "b"]


def test_a_step_whose_key_changed_runs_again(book: Book) -> None:
    run([book.step("house", key="1")], book.root)
    run([book.step("house", key="2")], book.root)
    assert book.ran == ["house", "house"]


def test_a_step_whose_product_was_deleted_runs_again(book: Book) -> None:
    product = book.root / "index.html"
    step = Step(
        name="page",
        what="page",
        stamp=book.root / "page",
        key=lambda: b"1",
        there=product.exists,
        work=lambda _: product.touch(),
    )
    run([step], book.root)
    assert step.done()
    product.unlink()
    assert not step.done()
    run([step], book.root)
    assert product.exists()


def test_a_step_that_another_one_undoes_runs_after_it(book: Book) -> None:
    product = book.root / "torch.product"

    def steps(lock: str) -> list[Step]:
        torch = book.step("torch", "house", work=lambda _: product.touch())
        house = book.step("house", key=lock, work=lambda _: product.unlink(missing_ok=True))
        return [replace(torch, there=product.exists), house]

    run(steps("a lock"), book.root)
    run(steps("another lock"), book.root)
    assert book.ran == ["house", "torch"] * 2
    assert product.exists()


def test_after_a_failure_what_succeeded_is_kept_and_what_depends_on_it_waits(book: Book) -> None:
    def fail(_: Call) -> None:
        raise SetupError("no network: try again")

    def steps(work: Callable[[Call], None] | None) -> list[Step]:
        return [
            book.step("tool"),
            book.step("brain", "tool", work=work),
            book.step("house", "tool"),
            book.step("model", "brain"),
        ]

    with pytest.raises(SetupError, match=r"^brain: no network: try again$"):
        run(steps(fail), book.root)
    assert sorted(book.ran) == ["house", "tool"]
    run(steps(None), book.root)
    assert book.ran[-2:] == ["brain", "model"]


def test_the_same_failure_of_two_steps_is_told_once(book: Book) -> None:
    def fail(_: Call) -> None:
        raise SetupError("no network")

    with pytest.raises(SetupError) as told:
        run([book.step("a", work=fail), book.step("b", work=fail)], book.root)
    assert sorted(str(told.value).partition(":")[0].split(", ")) == ["a", "b"]
    assert str(told.value).endswith(": no network")
    assert len(str(told.value).splitlines()) == 1


def test_an_input_that_changes_during_the_work_makes_the_step_run_again(book: Book) -> None:
    lock = book.root / "lock"
    lock.write_text("before")

    def edited_meanwhile(_: Call) -> None:
        lock.write_text("after")

    step = Step(
        name="house",
        what="house",
        stamp=book.root / "ready",
        key=lock.read_bytes,
        work=edited_meanwhile,
    )
    run([step], book.root)
    assert not step.done()


def test_a_full_disk_while_the_stamp_is_written_is_one_sentence(book: Book) -> None:
    (book.root / "house.part").symlink_to("/dev/full")  # every write to it fails with ENOSPC
    with pytest.raises(SetupError, match="the disk is full"):
        run([book.step("house")], book.root)
    assert not book.step("house").done()


def test_a_program_that_fails_is_told_by_its_own_words_and_logged(book: Book) -> None:
    def work(call: Call) -> None:
        call(["sh", "-c", "echo something odd; exit 3"])

    with pytest.raises(SetupError, match=r"odd \(all of it: \.tool/log/odd\.log\)$"):
        run([book.step("odd", work=work)], book.root)
    assert "something odd" in (book.root / ".tool" / "log" / "odd.log").read_text()


def test_a_failure_is_told_where_no_log_can_be_written(book: Book) -> None:
    (book.root / ".tool").mkdir()
    (book.root / ".tool" / "log").symlink_to("/dev/full")

    def work(call: Call) -> None:
        call(["sh", "-c", "echo No space left on device; exit 1"])

    with pytest.raises(SetupError, match="the disk is full"):
        run([book.step("odd", work=work)], book.root)


def test_a_program_that_is_missing_is_told(book: Book) -> None:
    with pytest.raises(SetupError, match="No such file or directory: '/nowhere/npm'"):
        run([book.step("page", work=lambda call: call(["/nowhere/npm"]))], book.root)


def test_ctrl_c_ends_the_running_programs_and_leaves_no_stamp(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    started = threading.Event()
    ended: list[int] = []

    def work(call: Call) -> None:
        started.set()
        try:
            call(["sleep", "600"])
        except SetupError:
            ended.append(1)
            raise

    def interrupted(*_: object, **__: object) -> None:
        started.wait(10)  # the program may be running or just about to start: both must end
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run([book.step("long", work=work)], book.root)
    assert ended == [1]
    assert not (book.root / "long").exists()


def test_the_installers_environment_has_no_wheel_folders_and_one_certificate_file() -> None:
    env = environment(
        {
            "PATH": "/bin",
            "PIP_FIND_LINKS": "/wheels",
            "UV_FIND_LINKS": "/wheels",
            "VIRTUAL_ENV": "/other",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PIP_CERT": "/ca.pem",
            "SSL_CERT_FILE": "/other.pem",
            "PIP_INDEX_URL": "https://mirror.example/simple",
        }
    )
    assert env == {
        "PATH": "/bin",
        "PIP_CERT": "/ca.pem",
        "SSL_CERT_FILE": "/ca.pem",
        "NODE_EXTRA_CA_CERTS": "/ca.pem",
        "PIP_INDEX_URL": "https://mirror.example/simple",
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "RASA_TELEMETRY_ENABLED": "false",
    }
