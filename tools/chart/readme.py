"""The chart's README from Chart.yaml and values.yaml: ``python -m tools.chart.readme [--check]``."""

import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import yaml

from tools.chart.values_file import CHART, Value, as_code, read_values

_HEAD = """# {name} {version}

{description}.
This file is made of `values.yaml` by `make chart-readme`.

```
helm install epitaxy charts/epitaxy -n epitaxy -f charts/epitaxy/values-minimal.yaml
helm test epitaxy -n epitaxy
```
Kubernetes {kube}; the KubeRay operator 1.4 or later. Profiles: `values-minimal.yaml` (one small node), `values.yaml`
(CPU pools, own stores), `values-gpu.yaml`, `values-production.yaml` (external stores, TLS, the Gateway API). How to
install, upgrade with jobs running, roll back, back up, uninstall, and install without internet access:
[operate.md](../../docs/operate.md).

Keys that mean the same everywhere have no text: `registry`, `repository`, `tag`, `digest`, `requests`, `limits`,
`enabled`.
"""


def render_readme(chart: Path = CHART) -> str:
    """The whole text."""
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    head = _HEAD.format(
        name=about["name"], version=about["version"], description=about["description"], kube=about["kubeVersion"]
    )
    sections = groupby(read_values(chart), lambda value: value.section)
    return "\n".join([head, *(line for title, values in sections for line in _section(title, values))])


def _section(title: str, values: Iterator[Value]) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| key | default | what it is |\n|---|---|---|"
    for value in values:
        default = "" if value.default is None else as_code(value.default)
        yield f"| `{'.'.join(value.path)}` | {_cell(default)} | {_cell(value.prose)} |"
    yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: Sequence[str]) -> int:
    path, text = CHART / "README.md", render_readme()
    if "--check" not in arguments:
        path.write_text(text)
        return 0
    if path.exists() and path.read_text() == text:
        return 0
    print(f"{path} differs from values.yaml: run make chart-readme")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
