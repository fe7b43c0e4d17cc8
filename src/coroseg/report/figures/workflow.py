"""Figure 1: from the image through the network to mask and contours, on one case."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from coroseg.angiogram import Frame
from coroseg.metrics import Mask
from coroseg.report.figures.look import BLUE, ORANGE
from coroseg.report.figures.pictures import PREDICTED, show_image, show_outlines
from coroseg.report.stored import ModelFacts

_BARS = (0.62, 0.48, 0.36, 0.26, 0.18)  # heights of the sketched levels, finest first


def draw_workflow(image: Frame, mask: Mask, model: ModelFacts) -> Figure:
    """Return the figure: image, network, its mask and the contours, arrows between them."""
    aspect = float(image.shape[0] / image.shape[1])
    figure = Figure((8.2, 1.75 * aspect + 0.4), layout="constrained")
    axes = figure.subplots(1, 7, width_ratios=(1, 0.16, 1, 0.16, 1, 0.16, 1))
    for panel in axes:
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(False)
    steps = dict(zip(("Angiogram", "Network", "Mask", "Contours"), axes[::2], strict=True))
    for letter, (title, panel) in zip("abcd", steps.items(), strict=True):
        panel.set_title(f"({letter}) {title}")
    for gap in axes[1::2]:
        gap.set_axis_off()
        ends = {"xy": (1.2, 0.5), "xytext": (-0.2, 0.5), "xycoords": "axes fraction"}
        gap.annotate("", **ends, arrowprops={"arrowstyle": "-|>", "lw": 1.5, "color": "black"})
    show_image(steps["Angiogram"], image)
    _sketch(steps["Network"], model, aspect)
    steps["Mask"].imshow(mask, cmap="gray", vmin=0, vmax=1)
    show_image(steps["Contours"], image)
    show_outlines(steps["Contours"], mask, PREDICTED)
    return figure


def _sketch(axes: Axes, model: ModelFacts, aspect: float) -> None:
    """Draw an encoder and a decoder as bars, the finest levels outside, and name the network."""
    axes.set(xlim=(0, 1), ylim=(0, 1), box_aspect=aspect)
    heights = (*_BARS, *_BARS[-2::-1])
    for index, height in enumerate(heights):
        place = (0.05 + index * 0.9 / len(heights), 0.66 - height / 2)
        colour = BLUE if index < len(_BARS) else ORANGE
        axes.add_patch(Rectangle(place, 0.07, height, facecolor=colour, edgecolor="none"))
    facts = f"{model.backbone}\n{model.parameters / 1e6:.1f} M parameters"
    axes.text(0.5, 0.25, model.label, ha="center", va="center", weight="bold")
    axes.text(0.5, 0.1, facts, ha="center", va="center", fontsize=7)
