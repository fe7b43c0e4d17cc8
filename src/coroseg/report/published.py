"""What others have published on this task, and the result of the paper that coroseg follows."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Published:
    """One row of the paper's Table 3; the number of `images` is that of the whole data set."""

    method: str
    images: int
    dsc: float | None
    sn: float
    sp: float
    citation: str


PAPER: Final = "Meng et al., arXiv 2206.12300"

PUBLISHED: Final = (
    Published(
        "CNN on patches",
        44,
        0.7562,
        0.7935,
        0.9890,
        "Nasr-Esfahani et al., Vessel extraction in X-ray angiograms using deep learning, "
        "EMBC 2016",
    ),
    Published(
        "Two CNNs, the second with edges",
        44,
        0.8151,
        0.8676,
        0.9859,
        "Nasr-Esfahani et al., Segmentation of vessels in angiograms using convolutional neural "
        "networks, Biomed. Signal Process. Control 40, 2018",
    ),
    Published(
        "Multiple CNNs",
        120,
        None,
        0.7774,
        0.9934,
        "as cited by Meng et al., arXiv 2206.12300, reference 29",
    ),
    Published(
        "FP-U-Net++",
        314,
        0.8899,
        0.8595,
        0.9960,
        "Zhao et al., Automatic extraction and stenosis evaluation of coronary arteries in "
        "invasive coronary angiograms, Comput. Biol. Med. 136, 2021",
    ),
    Published("U-Net 3+ (the paper)", 616, 0.8942, 0.8735, 0.9954, PAPER),
)
"""The paper's Table 3, as it cites them: its references 11, 12, 29 and 14, and itself."""

PAPER_DSC: Final = {
    "cgnet": 0.5395,
    "pspnet": 0.8257,
    "deeplabv3": 0.8340,
    "deeplabv3plus": 0.8462,
    "unet": 0.8799,
    "unetplusplus": 0.8814,
    "unet3plus_no_ds_tl": 0.8607,
    "unet3plus_no_ds": 0.8862,
    "unet3plus": 0.8942,
}
"""The DSC of the paper's Table 2, in its order."""
