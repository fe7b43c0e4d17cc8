import pytest
from stored_runs import make_stored

from coroseg.report.stored import Stored


@pytest.fixture(scope="session")
def stored() -> Stored:
    """Return a finished benchmark: nine models, three folds, twelve images of six patients."""
    return make_stored()
