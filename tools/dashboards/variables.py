"""The choices at the top of the dashboards."""

from tools.dashboards.grafana import Variable

NAMESPACES = Variable("namespace", "Namespace", 'label_values(up{job=~"epitaxy-.+"}, namespace)')
TENANTS = Variable(
    "tenant", "Tenant", 'label_values(epitaxy_gateway_tenant_structures_total{namespace=~"$namespace"}, tenant)'
)
MODELS = Variable(
    "model", "Model", 'label_values(epitaxy_gateway_model_structures_total{namespace=~"$namespace"}, model)'
)
