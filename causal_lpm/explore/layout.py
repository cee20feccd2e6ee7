"""How a page looks: controls at the left, what was asked and answered at the right."""

from pathlib import Path

from shiny import ui

from causal_lpm.explore import controls
from causal_lpm.explore.start import Start
from causal_lpm.inference.policies.statements import said
from causal_lpm.reports import html
from causal_lpm.reports.javascript import bundle
from causal_lpm.reports.page import script_of, style

__all__ = ["layout"]

HERE = Path(__file__).parent


def layout(start: Start) -> ui.Tag:
    """The page of a study."""
    study = start.study
    about = {
        "Statement": said("paired"),
        "Held fixed": study.coupling,
        "Compared with": _base(start),
        "Source": study.source,
    }
    return ui.page_sidebar(
        ui.sidebar(
            ui.tags.h2("What if"),
            *controls.policies(start),
            ui.tags.h2("Simulated"),
            *controls.numbers(start),
            ui.tags.div(
                ui.input_action_button("simulate", "Simulate", class_="btn-primary"),
                ui.input_action_button("cancel", "Cancel", disabled=True),
                class_="buttons",
            ),
            width=360,
            open="always",
        ),
        ui.head_content(
            ui.tags.link(rel="icon", href="data:,"),
            ui.tags.style(style()),
            ui.tags.style((HERE / "explore.css").read_text(encoding="utf-8")),
        ),
        ui.tags.h1(study.title),
        ui.HTML(html.definitions(about)),
        ui.tags.div(
            ui.tags.p("Move a policy, then simulate.", id="status", role="status"),
            ui.tags.progress(id="progress", value="0", max="1", hidden="", aria_label="replicates that are simulated"),
            ui.tags.p(id="error", role="alert", hidden=""),
        ),
        ui.output_ui("shown"),
        ui.HTML(script_of(bundle())),
        ui.HTML(script_of((HERE.parent / "reports" / "page.js").read_text(encoding="utf-8"))),
        ui.HTML(script_of((HERE / "explore.js").read_text(encoding="utf-8"))),
        window_title=study.title,
        lang="en",
    )


def _base(start: Start) -> str:
    acts = ", ".join(f"{name}={value:g}" for name, value in start.base.items())
    return f"{start.base_name} ({acts or 'the defaults of all policies'})"
