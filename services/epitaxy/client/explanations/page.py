"""An explanation as HTML: one page, no scripts, nothing to load."""

from collections.abc import Iterable
from html import escape

from epitaxy.client.explanations.bars import bars_of
from epitaxy.client.explanations.material_page import material_parts
from epitaxy.client.explanations.results import (
    ExplanationResult,
    NearestMaterial,
)
from epitaxy.client.explanations.scene import Ball, Scene, Stick, colour_of, is_dark, scene_of

_SHOWN_SHELLS = 12
_MAX_LABELLED = 60
_WIDTH = 430.0
_STYLE = """
.epx{font:14px/1.45 system-ui,-apple-system,"Segoe UI",sans-serif;color:#22262b;background:#fff;max-width:1040px;
 margin:0 auto;padding:22px 26px}
.epx h1{font-size:20px;margin:0 0 2px}.epx h2{font-size:14px;margin:18px 0 6px}
.epx .sub{color:#69727c;margin:0 0 14px}.epx .cols{display:flex;gap:30px;flex-wrap:wrap}
.epx .cols>div{flex:1 1 400px;min-width:0}.epx table{border-collapse:collapse;width:100%;font-size:13px}
.epx td,.epx th{padding:3px 8px 3px 0;text-align:left;border-bottom:1px solid #eceff1;font-weight:400}
.epx th{color:#69727c}.epx .n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.epx .bar{position:relative;height:14px;min-width:150px}
.epx .bar i{position:absolute;top:1px;height:12px;border-radius:2px;box-shadow:inset 0 0 0 1px #0003}
.epx .bar b{position:absolute;top:6px;height:2px;background:#69727c}.epx .bar u{position:absolute;left:50%;top:-2px;
 width:1px;height:18px;background:#22262b}
.epx .verdict{padding:9px 13px;border-radius:6px;margin:0 0 14px}
.epx .good{background:#e7f4ea;color:#14592a}.epx .bad{background:#fdeedd;color:#8a4104}
.epx svg{width:100%;height:auto;max-height:460px}.epx .scale{display:flex;align-items:center;gap:8px;
 justify-content:center;color:#69727c;font-size:12px}
.epx .scale span{width:190px;height:10px;border-radius:5px}
"""


def page_of(explanation: ExplanationResult) -> str:
    """The whole document."""
    title = escape(f"{explanation.formula}: {explanation.property_name}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
        f'<body style="margin:0;background:#fff">{article_of(explanation)}</body></html>\n'
    )


def article_of(explanation: ExplanationResult) -> str:
    """What the document shows, with its style."""
    if not explanation.is_crystal:
        return (
            f'<div class="epx"><style>{_STYLE}</style>{_head(explanation)}{_verdict(explanation)}'
            f"{material_parts(explanation)}{_nearest(explanation)}{_foot(explanation)}</div>"
        )
    return (
        f'<div class="epx"><style>{_STYLE}</style>{_head(explanation)}{_verdict(explanation)}'
        f'<div class="cols"><div>{_structure(explanation)}</div><div>{_elements(explanation)}'
        f"{_shells(explanation)}</div></div>{_nearest(explanation)}{_foot(explanation)}</div>"
    )


def error_of(explanation: ExplanationResult) -> str:
    """What stands in the place of an explanation."""
    return f'<div class="epx"><style>{_STYLE}</style><p class="verdict bad">{escape(explanation.in_words())}</p></div>'


def _head(explanation: ExplanationResult) -> str:
    name = escape(explanation.property_name.replace("_", " "))
    unit = escape(explanation.unit)
    formula = _formula(explanation.formula) if explanation.is_crystal else escape(explanation.formula)
    return (
        f"<h1>{formula}: {name} {explanation.value:.3f} {unit}</h1>"
        f'<p class="sub">{escape(explanation.id)} · {escape(explanation.level_of_theory)} · '
        f"{escape(explanation.model)} {escape(explanation.model_version)}<br>"
        f"{_baseline(explanation)}</p>"
    )


def _baseline(explanation: ExplanationResult) -> str:
    unit, change = escape(explanation.unit), explanation.value - explanation.baseline
    if explanation.is_crystal:
        return (
            f"The same places without elements: {explanation.baseline:.3f} {unit}. Elements and neighbours make "
            f"{change:+.3f} of it."
        )
    return (
        f"Compared with {escape(explanation.baseline_material)}: {explanation.baseline:.3f} {unit} "
        f"({escape(explanation.baseline_description)}). The parts below make {change:+.3f} of it."
    )


def _verdict(explanation: ExplanationResult) -> str:
    if explanation.faithfulness is None:
        return ""
    kind = "good" if explanation.is_faithful else "bad"
    return f'<p class="verdict {kind}">{escape(explanation.faithfulness.in_words())}.</p>'


def _structure(explanation: ExplanationResult) -> str:
    scene = scene_of(explanation)
    left, bottom, right, top = scene.bounds
    scale = _WIDTH / max(right - left, top - bottom, 1e-6)
    parts = "".join(_part(part, scene, scale) for part in scene.parts)
    width, height = (right - left) * scale + 12, (top - bottom) * scale + 12
    box = f"{left * scale - 6:.1f} {-top * scale - 6:.1f} {width:.1f} {height:.1f}"
    ends = ",".join(colour_of(step, 1.0) for step in (-1.0, -0.5, 0.0, 0.5, 1.0))
    return (
        f'<svg viewBox="{box}" role="img" aria-label="unit cell, atoms coloured by contribution"><defs>'
        '<radialGradient id="epx-light" cx=".35" cy=".3" r=".8"><stop offset="0" stop-color="#fff" stop-opacity=".55"/>'
        '<stop offset=".55" stop-color="#fff" stop-opacity="0"/><stop offset="1" stop-color="#000" stop-opacity=".28"/>'
        f"</radialGradient></defs>{parts}</svg>"
        f'<div class="scale">{-scene.limit:.2g}<span style="background:linear-gradient(90deg,{ends})"></span>'
        f"+{scene.limit:.2g} {escape(explanation.unit)} a site</div>"
    )


def _part(part: Ball | Stick, scene: Scene, scale: float) -> str:
    if isinstance(part, Stick):
        (x1, y1), (x2, y2) = part.begin, part.end
        width, colour = (1, "#a8b0b8") if part.is_cell else (5, "#c3c8ce")
        return (
            f'<line x1="{x1 * scale:.1f}" y1="{-y1 * scale:.1f}" x2="{x2 * scale:.1f}" y2="{-y2 * scale:.1f}" '
            f'stroke="{colour}" stroke-width="{width}" stroke-linecap="round"/>'
        )
    x, y, radius, site = part.centre[0] * scale, -part.centre[1] * scale, part.radius * scale, part.site
    circle = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"'
    ink = "#fff" if is_dark(site.value, scene.limit) else "#22262b"
    is_labelled = sum(isinstance(other, Ball) for other in scene.parts) <= _MAX_LABELLED
    label = (
        f'<text x="{x:.1f}" y="{y + 4.5:.1f}" font-size="13" text-anchor="middle" fill="{ink}">{site.element}</text>'
        if is_labelled
        else ""
    )
    return (
        f"<g><title>{site.element} {site.value:+.3f} ± {site.std:.3f}</title>"
        f'{circle} fill="{colour_of(site.value, scene.limit)}" stroke="#22262b" stroke-width=".8"/>'
        f'{circle} fill="url(#epx-light)"/>{label}</g>'
    )


def _elements(explanation: ExplanationResult) -> str:
    names = [f"{entry.element} <small>× {entry.n_sites}</small>" for entry in explanation.elements]
    return f"<h2>Elements</h2>{bars_of(names, explanation.elements, explanation.unit)}"


def _shells(explanation: ExplanationResult) -> str:
    shells = explanation.shells[:_SHOWN_SHELLS]
    if not shells:
        return ""
    rest = len(explanation.shells) - len(shells)
    names = [f"{escape(shell.label)} <small>× {shell.coordination:.3g}</small>" for shell in shells]
    more = f'<p class="sub">and {rest} smaller ones</p>' if rest else ""
    return f"<h2>Neighbours (part of the above)</h2>{bars_of(names, shells, explanation.unit)}{more}"


def _nearest(explanation: ExplanationResult) -> str:
    if not explanation.nearest:
        return ""
    columns = list(dict.fromkeys(name for material in explanation.nearest for name in material.labels))
    columns.sort(key=lambda name: name != explanation.property_name)
    head = "".join(f'<th class="n">{escape(name.replace("_", " "))}</th>' for name in columns)
    rows = "".join(_row(material, columns) for material in explanation.nearest)
    return (
        "<h2>Because it resembles these known materials</h2>"
        '<table><tr><th>material</th><th>source</th><th class="n">space group</th><th class="n">distance</th>'
        f"{head}</tr>{rows}</table>"
    )


def _row(material: NearestMaterial, columns: Iterable[str]) -> str:
    values = "".join(
        f'<td class="n">{material.labels[name]:.3f}</td>' if name in material.labels else '<td class="n">–</td>'
        for name in columns
    )
    group = str(material.space_group or "–")
    return (
        f'<tr><td>{_formula(material.formula)}</td><td>{escape(material.id)}</td><td class="n">{group}</td>'
        f'<td class="n">{material.distance:.2f}</td>{values}</tr>'
    )


def _foot(explanation: ExplanationResult) -> str:
    missed = f"{explanation.completeness_error:+.3g} {escape(explanation.unit)}"
    if not explanation.is_crystal:
        drawn = f" within a standard error of {explanation.sampling_error:.2g}" if explanation.sampling_error else ""
        method = f"{escape(explanation.method)}{drawn}"
        return (
            f'<p class="sub" style="margin-top:16px">{method}, ± one standard deviation of the members; the '
            f"contributions miss their sum by {missed}. They tell what the model goes by, not what causes the "
            "property.</p>"
        )
    return (
        '<p class="sub" style="margin-top:16px">Integrated gradients over the ensemble, ± one standard deviation of '
        f"its members; the contributions miss their sum by {missed}. They tell what the model goes by, not what causes "
        "the property.</p>"
    )


def _formula(formula: str) -> str:
    """``"SrTiO<sub>3</sub>"``."""
    written = "".join(f"\0{char}\1" if char.isdigit() else escape(char) for char in formula)
    return written.replace("\1\0", "").replace("\0", "<sub>").replace("\1", "</sub>")
