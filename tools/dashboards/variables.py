"""The choices at the top of the dashboards."""

from tools.dashboards.grafana import Variable

NAMESPACES = Variable("namespace", "Namespace", 'label_values(up{job=~"epitaxy-.+"}, namespace)')
TENANTS = Variable(
    "tenant", "Tenant", 'label_values(epitaxy_gateway_tenant_structures_total{namespace=~"$namespace"}, tenant)'
)
MODELS = Variable(
    "model", "Model", 'label_values(epitaxy_gateway_model_structures_total{namespace=~"$namespace"}, model)'
)
# Of the fine-tune service: the same names, and what it knows of them.
JOB_TENANTS = Variable("tenant", "Tenant", 'label_values(epitaxy_finetune_day_jobs{namespace=~"$namespace"}, tenant)')
JOB_MODELS = Variable("model", "Model", 'label_values(epitaxy_finetune_day_jobs{namespace=~"$namespace"}, model)')
# Of the campaign service: campaigns that have results enough to be judged by.
CAMPAIGN_TENANTS = Variable(
    "tenant", "Tenant", 'label_values(epitaxy_campaign_coverage{namespace=~"$namespace"}, tenant)'
)
CAMPAIGNS = Variable(
    "campaign", "Campaign", 'label_values(epitaxy_campaign_coverage{namespace=~"$namespace"}, campaign)'
)
