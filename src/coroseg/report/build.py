"""All that comes out of a benchmark: tables, figures and the report, in its folder."""

from pathlib import Path

from coroseg.report.figures.draw import draw_figures
from coroseg.report.figures.network_drawing import NetworkDrawing
from coroseg.report.page import write_report
from coroseg.report.stored import Stored
from coroseg.report.tables import all_tables, write_tables
from coroseg.report.writers import to_html


def build_report(stored: Stored, network: NetworkDrawing | None = None) -> list[Path]:
    """Write everything that `stored` allows into its folder; return the files, the report last.

    `network` is drawn as figure 2.
    """
    tables = all_tables(stored)
    files = write_tables(tables, stored.folder)
    figures = draw_figures(stored, stored.folder, network)
    shown = [(table.title, to_html(table)) for table in tables.values()]
    return [*files, *figures, write_report(stored, stored.folder, shown, figures)]
