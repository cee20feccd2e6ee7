"""Tables of the command line as tables of a report, in the same words."""

from rich.table import Table as Printed
from rich.text import Text

from causal_lpm.reports.contents import Table

__all__ = ["table_of"]


def table_of(printed: Printed) -> Table:
    r"""The table that a terminal would show.

    >>> printed = Printed("world", r"deaths \[per day]", title="Totals", caption="[bold]Paired.[/]")
    >>> printed.add_row("factual", "3")
    >>> table_of(printed)
    Table(title='Totals', columns=('world', 'deaths [per day]'), rows=(('factual', '3'),), caption='Paired.')
    """
    columns = tuple(_plain(column.header) for column in printed.columns)
    cells = [[_plain(cell) for cell in column.cells] for column in printed.columns]
    return Table(_plain(printed.title), columns, tuple(zip(*cells, strict=True)), _plain(printed.caption))


def _plain(text: object) -> str:
    if text is None:
        return ""
    return text.plain if isinstance(text, Text) else Text.from_markup(str(text)).plain
