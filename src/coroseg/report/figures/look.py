"""How a model looks in every figure, and how a figure is written: PNG and SVG, same bytes again."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from coroseg.io.files import write_whole

PNG_DPI: Final = 300
PICTURES_IN_SVG_DPI: Final = 150
"""Angiograms inside an SVG: lines and text stay vectors, and the file stays small."""

BLACK, ORANGE, SKY, GREEN, BLUE, VERMILLION, PURPLE = (
    "#000000", "#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00", "#cc79a7",
)  # fmt: skip
"""Okabe and Ito's colours, which the common forms of colour blindness tell apart."""


@dataclass(frozen=True)
class Look:
    """Colour, marker and line style: no two models have the same, and colour alone is not asked."""

    colour: str
    marker: str
    line: str


LOOKS: Final = {
    "cgnet": Look(BLACK, "v", ":"),
    "pspnet": Look(PURPLE, "P", "--"),
    "deeplabv3": Look(SKY, "s", "--"),
    "deeplabv3plus": Look(BLUE, "D", "-"),
    "unet": Look(ORANGE, "^", "--"),
    "unetplusplus": Look(GREEN, ">", "-"),
    "unet3plus_no_ds_tl": Look(VERMILLION, "X", ":"),
    "unet3plus_no_ds": Look(VERMILLION, "p", "--"),
    "unet3plus": Look(VERMILLION, "*", "-"),
}
"""The models in the paper's order."""


def house_style() -> AbstractContextManager[None]:
    """Return the context in which a figure is drawn and written, whatever the user's settings."""
    return mpl.rc_context(
        {
            "svg.hashsalt": "coroseg",
            "figure.facecolor": "white",
            "savefig.facecolor": "auto",
            "font.size": 8,
            "axes.titlesize": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "legend.frameon": False,
        }
    )


def write_figure(figure: Figure, stem: Path) -> list[Path]:
    """Write `stem`.png at 300 dpi and `stem`.svg, each whole or not at all; return their paths."""
    written = []
    formats = (
        (".png", PNG_DPI, {"Software": None}),
        (".svg", PICTURES_IN_SVG_DPI, {"Date": None, "Creator": None}),
    )
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # found once, for both files
    for axes in figure.axes:
        # The solver's last digits change with where its variables happen to lie in memory.
        axes.set_position(np.round(axes.get_position(original=True).bounds, 6).tolist())
    for extension, dpi, metadata in formats:
        path = stem.with_name(stem.name + extension)
        with write_whole(path) as temporary:
            figure.savefig(
                temporary, dpi=dpi, metadata=metadata, bbox_inches="tight", pad_inches=0.05
            )
        written.append(path)
    return written


def two_lines(label: str) -> str:
    """Return the label with what is left out of the network (`w/o ...`) in a line of its own."""
    return label.replace(" w/o ", "\nw/o ")
