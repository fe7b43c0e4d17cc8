"""The command `coroseg deidentify`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from coroseg.errors import CorosegError
from coroseg.terminal import FAILED, UsageError, counted, say

if TYPE_CHECKING:
    from coroseg.deidentify.run import Outcome


def deidentify(
    sources: Annotated[list[Path], Parameter(negative="")],
    /,
    *,
    out: Path,
    key: Path,
    dates: Literal["remove", "shift", "keep"] = "remove",
    retain_device: Annotated[bool, Parameter(negative="")] = False,
    mask_rectangle: Annotated[list[str] | None, Parameter(negative="")] = None,
    mask_text: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Take everything that names the patient out of DICOM files.

    Exit status 0 if all went well, 1 if any source failed, 2 for wrong usage.

    Parameters
    ----------
    sources
        DICOM files, or folders of them.
    out
        Folder for the new files: study/series/instance.dcm, all new UIDs.
    key
        File with the secret that pseudonyms are made with; made where there is none. The same
        key gives the same pseudonyms. Who has it can link them: keep it apart from the files.
    dates
        remove, shift (all of a patient's by the same number of days, times kept), or keep.
    retain_device
        Keep which machine it was: serial number, station, device UID.
    mask_rectangle
        X,Y,WIDTH,HEIGHT in pixels, blanked in all frames of all pictures. Can be repeated.
    mask_text
        Blank text that is found in the corners of frames.
    """
    from coroseg.deidentify.file import Request
    from coroseg.deidentify.key import open_key
    from coroseg.deidentify.profile import Options
    from coroseg.deidentify.run import deidentify as run
    from coroseg.deidentify.run import find_files

    rectangles = tuple(_rectangle(text) for text in mask_rectangle or [])
    if key.resolve().is_relative_to(out.resolve()):
        raise UsageError(f"--key {key}: keep the key out of {out}, which is passed on")
    _check_apart(sources, out)
    found = find_files(sources)
    if not found.sources:
        raise CorosegError(
            f"{', '.join(map(str, sources))}: no DICOM file in it "
            f"({found.passed_over} other files passed over)"
        )
    secret, is_new = open_key(key)
    if is_new:
        print(f"{key}: new key, for your eyes only: who has it can link old and new files")
    request = Request(Options(dates, retain_device), rectangles, mask_text)
    with counted(len(found.sources), "files") as step:

        def report(outcome: "Outcome") -> None:
            step()
            if outcome.reason:
                say(f"failed: {outcome.reason}")

        outcomes = run(found.sources, out, request, secret, report)
    print(_counts(outcomes, found.passed_over), f"-> {out}")
    unsure = sum(outcome.unsure for outcome in outcomes)
    if unsure:
        say(
            f"{unsure} of them do not say whether text is burned into the pixels "
            "(Burned In Annotation is absent): look at the pictures, or use --mask-text"
        )
    return FAILED if any(outcome.status == "failed" for outcome in outcomes) else 0


def _check_apart(sources: list[Path], out: Path) -> None:
    """Raise `UsageError` where the new files would lie among the old ones, or these among them."""
    for source in sources:
        old, new = source.resolve(), out.resolve()
        if old.is_relative_to(new) or new.is_relative_to(old):
            raise UsageError(
                f"--out {out}: must lie neither within {source} nor around it: "
                "choose a folder beside it"
            )


def _rectangle(text: str) -> tuple[int, int, int, int]:
    numbers = text.split(",")
    if len(numbers) == 4 and all(part.strip().isdecimal() for part in numbers):  # noqa: PLR2004
        x, y, width, height = (int(part) for part in numbers)
        if width and height:
            return x, y, width, height
    raise UsageError(f"--mask-rectangle {text}: X,Y,WIDTH,HEIGHT in pixels, such as 0,0,200,40")


def _counts(outcomes: "list[Outcome]", passed_over: int) -> str:
    failed = sum(outcome.status == "failed" for outcome in outcomes)
    masked = sum(outcome.masked > 0 for outcome in outcomes)
    parts = [f"{len(outcomes) - failed} ok"]
    parts += [f"{masked} masked"] if masked else []
    parts += [f"{failed} failed"] if failed else []
    parts += [f"{passed_over} other files passed over"] if passed_over else []
    return ", ".join(parts)
