"""How every verb looks: help that fits a screen, options in one order, and examples at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from importlib import import_module
from inspect import cleandoc
from typing import Any, TypeVar, cast

import click

F = TypeVar("F", bound=Callable[..., Any])

_COLUMN = 26  # of options; a longer one has a line of its own
_ALL = "edge_runtime.help_all"


class Option(click.Option):
    """An option; a `rare` one is shown by --help-all only. Its bounds are told when they are left."""

    def __init__(self, *args: Any, rare: bool = False, **attrs: Any) -> None:
        default = attrs.get("default")
        shows = not (attrs.get("is_flag") or default is None or default is False or default == ())
        super().__init__(*args, **{"show_default": shows, **attrs})
        self.rare = rare

    def get_help_extra(self, ctx: click.Context) -> Any:
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)
        return extra


def option(*names: str, **attrs: Any) -> Callable[[F], F]:
    """`click.option` in the manner of this program."""
    return click.option(*names, cls=Option, **attrs)


class Shown(click.Command):
    """The help of verbs and groups of verbs.

    What follows `\\b` in a docstring are examples, what follows `\\f` before them is shown by --help-all only.
    """

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """--json and --help come last, wherever they were declared."""
        return sorted(super().get_params(ctx), key=lambda param: ("--help" in param.opts, param.name == "as_json"))

    def _told(self) -> tuple[list[str], list[str]]:
        """The parts of the text, and the lines of its examples."""
        text, _, examples = cleandoc(self.help or "").partition("\b\n")
        return [part.strip() for part in text.split("\f")], examples.splitlines()

    @property
    def has_more(self) -> bool:
        """Whether --help-all says more than --help."""
        rare = any(isinstance(param, Option) and param.rare for param in self.params)
        return rare or len(self._told()[0]) > 1

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        parts, _ = self._told()
        for text in parts if ctx.meta.get(_ALL) else parts[:1]:
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(text)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        every = bool(ctx.meta.get(_ALL))
        rare = [one for one in options if isinstance(one, Option) and one.rare and not every]
        records = [record for one in options if one not in rare and (record := one.get_help_record(ctx)) is not None]
        with formatter.section("Options"):
            formatter.write_dl(records, col_max=_COLUMN)
            if self.has_more and not every:
                more = f"{len(rare)} more options" if len(rare) > 1 else "1 more option" if rare else "more"
                formatter.write(f"\n{'':>{formatter.current_indent}}{more}: {ctx.command_path} --help-all\n")

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _, examples = self._told()
        if examples:
            with formatter.section("Examples"):
                for line in examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


class Verb(Shown):
    """One verb."""

    def __init__(self, *args: Any, **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        if self.has_more:
            every = click.Option(
                ["--help-all"], is_flag=True, is_eager=True, hidden=True, expose_value=False, callback=_help_all
            )
            self.params.append(every)


def _help_all(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta[_ALL] = True
        click.echo(ctx.get_help())
        ctx.exit()


class Group(Shown, click.Group):
    """Verbs under one name."""

    command_class = Verb

    def lines(self) -> list[tuple[str, str]]:
        """What --help says of each verb."""
        shown = [command for command in self.commands.values() if not command.hidden]
        return [(command.name or "", command.short_help or "") for command in shown]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        Shown.format_options(self, ctx, formatter)
        with formatter.section("Verbs"):
            formatter.write_dl(self.lines())

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None:
            names = self.list_commands(ctx)
            raise click.UsageError(
                f"'{args[0]}' is no verb of {ctx.command_path}. {self.hint(ctx, args[0], names)}", ctx
            )
        return super().resolve_command(ctx, args)

    @staticmethod
    def hint(ctx: click.Context, name: str, known: Iterable[str]) -> str:
        near = get_close_matches(name, list(known), 1)
        return f"Did you mean '{near[0]}'?" if near else f"{ctx.command_path} --help shows what there is."


class LazyGroup(Group):
    """Verbs that are imported on use: `module` with the name of a verb for `{}` has it as `command`."""

    def __init__(self, *args: Any, verbs: Mapping[str, str], module: str, **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        self.verbs, self._module = verbs, module

    def lines(self) -> list[tuple[str, str]]:
        return list(self.verbs.items())

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.verbs:
            return None
        return cast(click.Command, import_module(self._module.format(cmd_name)).command)
