"""Models that are ready to run, by name."""

from causal_lpm.templates.needs import TemplatePopulation as TemplatePopulation
from causal_lpm.templates.parameters import Parameter as Parameter
from causal_lpm.templates.registry import Template as Template
from causal_lpm.templates.registry import load_template as load_template
from causal_lpm.templates.registry import template_names as template_names
