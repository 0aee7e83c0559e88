"""The tree of sub-commands. Modules here import typer and little else; what is heavy waits until a command runs."""

from __future__ import annotations

from importlib.util import find_spec

import typer

from door.cli import (
    build,
    cases,
    cases_files,
    cases_institutions,
    cases_links,
    cases_tasks,
    channels,
    content,
    doctor,
    duty,
    gaps,
    kannel,
    keep,
    look,
    publishing,
    talk,
    understanding,
    up,
    wechat,
)

app = typer.Typer(
    name="qiantai",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Qiantai, the open front desk for a financial-consumer hotline.",
    epilog="`./qiantai COMMAND --help` explains one command. Exit codes and settings: docs/operations.md",
)

RUN, CARE, LOOK, BUILD = "Run", "Take care", "Look", "Build and check"

app.command("up", rich_help_panel=RUN)(up.up)
app.command("brain", rich_help_panel=RUN)(up.brain)
app.command("migrate", rich_help_panel=RUN)(up.migrate)
app.command("chat", rich_help_panel=RUN)(talk.chat)

app.command("doctor", rich_help_panel=CARE)(doctor.doctor)
app.command("backup", rich_help_panel=CARE)(keep.backup)
app.command("restore", rich_help_panel=CARE)(keep.restore)
app.add_typer(duty.alarms, name="alarms", rich_help_panel=CARE)
app.add_typer(duty.tokens, name="tokens", rich_help_panel=CARE)

app.command("settings", rich_help_panel=LOOK)(look.settings)
channels.group.command("kannel-config")(kannel.kannel_config)
channels.group.command("wechat-menu")(wechat.wechat_menu)
app.add_typer(channels.group, name="channels", rich_help_panel=LOOK)
app.command("conversations", rich_help_panel=LOOK)(duty.conversations)
cases.group.command("import")(cases_files.import_cases)
cases.group.command("export")(cases_files.export_cases)
cases.group.command("template")(cases_files.template)
cases.group.command("note")(cases_tasks.note)
cases.group.command("assign")(cases_tasks.assign)
cases.group.command("id-link")(cases_links.id_link)
cases.group.add_typer(cases_tasks.tasks, name="tasks")
cases.group.add_typer(cases_institutions.institutions, name="institutions")
app.add_typer(cases.group, name="cases", rich_help_panel=LOOK)
content.faq.command("publish")(publishing.publish)
content.faq.command("versions")(publishing.list_versions)
content.faq.command("rollback")(publishing.rollback)
content.faq.command("gaps")(gaps.gaps)
content.faq.command("wrong")(gaps.wrong)
app.add_typer(content.faq, name="faq", rich_help_panel=LOOK)
app.command("understand", rich_help_panel=LOOK)(understanding.understand)
app.add_typer(understanding.nlu, name="nlu", rich_help_panel=LOOK)

app.command("setup", rich_help_panel=BUILD)(build.setup)
app.command("train", rich_help_panel=BUILD)(build.train)
app.command("lint", rich_help_panel=BUILD)(build.lint)
app.command("test", rich_help_panel=BUILD, context_settings=build.PASS_ON)(build.run_tests)

if find_spec("door.cli.bench"):
    from door.cli import bench

    app.add_typer(bench.app, name="bench", rich_help_panel=BUILD)
