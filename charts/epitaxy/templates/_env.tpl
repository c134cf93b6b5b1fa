{{- /* Credentials of the object storage, where models or labels lie there; without the Secret, workload identity's. */ -}}
{{- define "epitaxy.objectStorageEnv" -}}
{{- if or (hasPrefix "s3://" .Values.mlflow.artifacts) .Values.finetune.labelRoots }}
{{- include "epitaxy.objectStorageCredentials" . }}
{{- end }}
{{- end -}}

{{- define "epitaxy.objectStorageCredentials" -}}
{{- $secret := include "epitaxy.secret" (dict "root" . "key" "objectStorage") }}
- name: AWS_ACCESS_KEY_ID
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: access-key, optional: true}}
- name: AWS_SECRET_ACCESS_KEY
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: secret-key, optional: true}}
{{- with .Values.mlflow.s3Endpoint }}
- name: MLFLOW_S3_ENDPOINT_URL
  value: {{ . | quote }}
- name: AWS_ENDPOINT_URL
  value: {{ . | quote }}
{{- end }}
{{- end -}}

{{- /* Where a process may write: caches that a read-only image would refuse. */ -}}
{{- define "epitaxy.homeEnv" -}}
- name: HOME
  value: /tmp/home
- name: NUMBA_CACHE_DIR
  value: /tmp/numba
- name: MPLCONFIGDIR
  value: /tmp/matplotlib
{{- end -}}

{{- /* The same for those who use the registry of models. */ -}}
{{- define "epitaxy.scratchEnv" -}}
{{ include "epitaxy.homeEnv" . }}
- name: EPITAXY_REGISTRY_FOLDER
  value: /tmp/registry
- name: MLFLOW_TRACKING_URI
  value: {{ include "epitaxy.mlflowUri" . }}
{{- end -}}

{{- /* What the fine-tune service, its workers and its upkeep share. */ -}}
{{- define "epitaxy.jobEnv" -}}
- {name: EPITAXY_FINETUNE_FOLDER, value: /var/lib/epitaxy/finetune}
- name: EPITAXY_FINETUNE_DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ include "epitaxy.secret" (dict "root" . "key" "database") }}, key: jobs-url}}
{{- end -}}

{{- /* What the campaign service and its migration share: one database with the jobs, a volume of its own. */ -}}
{{- define "epitaxy.campaignEnv" -}}
- {name: EPITAXY_CAMPAIGNS_FOLDER, value: /var/lib/epitaxy/campaigns}
- name: EPITAXY_CAMPAIGNS_DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ include "epitaxy.secret" (dict "root" . "key" "database") }}, key: jobs-url}}
{{- end -}}

{{- /* The shared cache. The password has a variable of our own: KubeRay claims REDIS_PASSWORD for itself. */ -}}
{{- define "epitaxy.cacheEnv" -}}
- name: EPITAXY_PREDICTION_REDIS_URL
  value: {{ include "epitaxy.redisScheme" . }}://{{ include "epitaxy.redisAddress" . }}/0
{{- with .Values.redis.user }}
- name: EPITAXY_PREDICTION_REDIS_USER
  value: {{ . | quote }}
{{- end }}
- name: EPITAXY_PREDICTION_REDIS_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ include "epitaxy.secret" (dict "root" . "key" "redis") }}, key: password}}
{{- end -}}

{{- define "epitaxy.qdrantEnv" -}}
{{- $url := .Values.qdrant.externalUrl -}}
{{- if .Values.qdrant.enabled -}}{{- $url = printf "http://%s-qdrant:6333" (include "epitaxy.fullname" .) -}}{{- end -}}
{{- with $url -}}
- {name: EPITAXY_VECTORS_QDRANT_URL, value: {{ . | quote }}}
- name: EPITAXY_VECTORS_QDRANT_API_KEY
  valueFrom: {secretKeyRef: {name: {{ include "epitaxy.secret" (dict "root" $ "key" "qdrant") }}, key: api-key, optional: {{ not $.Values.qdrant.enabled }}}}
{{- end -}}
{{- end -}}

{{- /* "ports:" of a rule of a NetworkPolicy, from a list of numbers; nothing for an empty one: all ports. */ -}}
{{- define "epitaxy.policyPorts" -}}
{{- with . -}}
ports:
  {{- range . }}
  - {port: {{ . }}, protocol: TCP}
  {{- end }}
{{- end -}}
{{- end -}}
