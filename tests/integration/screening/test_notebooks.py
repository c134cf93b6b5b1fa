"""The notebooks of examples/, executed against the running product as a reader would."""

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from product import Product

EXAMPLES = Path(__file__).parents[3] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


@pytest.fixture
def kernel_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """Jupyter's files of this test alone: no settings or kernels of whoever runs it."""
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.delenv("EPITAXY_API_KEY", raising=False)
    return monkeypatch


def executed(name: str, product: Product, environment: pytest.MonkeyPatch, folder: Path) -> NotebookNode:
    environment.setenv("EPITAXY_TARGET", product.target)
    notebook = nbformat.read(EXAMPLES / name, as_version=4)
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    return notebook


def shown(notebook: NotebookNode, source: str) -> str:
    """What the one cell whose source contains this shows last."""
    [cell] = [cell for cell in notebook.cells if cell.cell_type == "code" and source in cell.source]
    return str([output.data["text/html"] for output in cell.outputs if "data" in output][-1])


def printed(notebook: NotebookNode) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")


@pytest.mark.stack
def test_the_screening_notebook_runs_and_shows_its_results(
    product: Product, kernel_environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    notebook = executed("screen.ipynb", product, kernel_environment, tmp_path)
    assert "substrate-mp" in shown(notebook, "card = client.get_model()")
    assert "81 of 81 structures" in shown(notebook, "run = client.screen(")
    assert 'value="1.0000"' in shown(notebook, "run = client.screen(")
    [run] = [cell for cell in notebook.cells if cell.source == "run"]
    text = run.outputs[0].data["text/html"]
    assert re.search(r"answered</th><td[^>]*>80<", text)
    assert re.search(r"refused</th><td[^>]*>1<", text)
    assert "formation_energy" in shown(notebook, "[result] = client.predict(")
    assert shown(notebook, "gaps = table").count("<td>eV</td>") == 10
    difference = re.search(r"mean over 38 crystals: (\S+) eV", printed(notebook))
    assert difference is not None
    assert -3.0 < float(difference[1]) < 0.0


@pytest.mark.stack
def test_the_fine_tune_notebook_makes_a_model_that_answers(
    product: Product, kernel_environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    notebook = executed("fine_tune.ipynb", product, kernel_environment, tmp_path)
    [job] = [cell.outputs[0].data["text/html"] for cell in notebook.cells if cell.source == "job"]
    assert "SUCCEEDED" in job
    assert "example-gap" in job
    assert "embedding_ridge" in job
    assert "descriptor_forest" in job
    assert "SUCCEEDED 100%" in shown(notebook, "job = client.finetune(")
    error = re.search(r"mean absolute error on 5 crystals that the model has not seen: (\S+) eV", printed(notebook))
    assert error is not None
    assert 0.0 < float(error[1]) < 5.0


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_are_stored_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
