{{- define "epitaxy.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "epitaxy.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "epitaxy.labels" -}}
{{ include "epitaxy.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- /* Reference of an image: (dict "image" .Values.images.api) */ -}}
{{- define "epitaxy.image" -}}
{{- if .image.digest -}}{{ .image.repository }}@{{ .image.digest }}{{- else -}}{{ .image.repository }}:{{ .image.tag }}{{- end -}}
{{- end -}}

{{- /* Fields of every pod: restricted Pod Security, no token of the API server. (dict "root" $ "account" NAME) */ -}}
{{- define "epitaxy.podBasics" -}}
serviceAccountName: {{ include "epitaxy.fullname" .root }}-{{ .account }}
automountServiceAccountToken: {{ default false .token }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ default 10001 .user }}
  runAsGroup: {{ default 10001 .user }}
  fsGroup: {{ default 10001 .user }}
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{- define "epitaxy.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- /* Pods of one component over nodes and zones: (dict "root" $ "component" NAME) */ -}}
{{- define "epitaxy.spread" -}}
topologySpreadConstraints:
  {{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "epitaxy.selector" $.root | nindent 8 }}
        app.kubernetes.io/component: {{ $.component }}
  {{- end }}
{{- end -}}

{{- define "epitaxy.redisAddress" -}}
{{- if .Values.redis.enabled -}}{{ include "epitaxy.fullname" . }}-redis:6379{{- else -}}{{ required "redis.externalAddress is needed where redis.enabled is false" .Values.redis.externalAddress }}{{- end -}}
{{- end -}}

{{- define "epitaxy.mlflowUri" -}}
{{- if .Values.mlflow.enabled -}}http://{{ include "epitaxy.fullname" . }}-mlflow:5000{{- else -}}{{ required "mlflow.externalUri is needed where mlflow.enabled is false" .Values.mlflow.externalUri }}{{- end -}}
{{- end -}}

{{- /* Credentials of the object storage, where models go there. */ -}}
{{- define "epitaxy.objectStorageEnv" -}}
{{- if or (hasPrefix "s3://" .Values.mlflow.artifacts) .Values.finetune.labelRoots }}
- name: AWS_ACCESS_KEY_ID
  valueFrom: {secretKeyRef: {name: {{ .Values.secrets.objectStorage }}, key: access-key, optional: true}}
- name: AWS_SECRET_ACCESS_KEY
  valueFrom: {secretKeyRef: {name: {{ .Values.secrets.objectStorage }}, key: secret-key, optional: true}}
{{- with .Values.mlflow.s3Endpoint }}
- name: MLFLOW_S3_ENDPOINT_URL
  value: {{ . | quote }}
- name: AWS_ENDPOINT_URL
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* Where a process may write: caches that a read-only image would refuse. */ -}}
{{- define "epitaxy.scratchEnv" -}}
- name: HOME
  value: /tmp/home
- name: NUMBA_CACHE_DIR
  value: /tmp/numba
- name: MPLCONFIGDIR
  value: /tmp/matplotlib
- name: EPITAXY_REGISTRY_FOLDER
  value: /tmp/registry
- name: MLFLOW_TRACKING_URI
  value: {{ include "epitaxy.mlflowUri" . }}
{{- end -}}

{{- /* The file that the local stack starts from, with what values add to it. */ -}}
{{- define "epitaxy.serveConfig" -}}
{{- $values := .Values.prediction -}}
{{- $config := fromYaml (.Files.Get "files/serve-config.yaml") -}}
{{- $application := first $config.applications -}}
{{- $arguments := dict
  "intake_replicas" $values.intakeReplicas
  "ensemble_replicas" $values.ensembleReplicas
  "replica_cpus" $values.replicaCpus
  "ensemble_gpus" $values.ensembleGpus
  "device" (ternary "cuda" "cpu" (gt (float64 $values.ensembleGpus) 0.0)) -}}
{{- if $values.weightsClaim -}}{{- $_ := set $arguments "model_folder" "/var/lib/epitaxy/weights" -}}{{- end -}}
{{- $_ := set $application "args" (mergeOverwrite $application.args $arguments (deepCopy $values.arguments)) -}}
{{- if $values.autoscaling.enabled -}}
{{- $bounds := dict "max_replicas" $values.autoscaling.maxReplicas "target_ongoing_requests" $values.autoscaling.targetOngoingRequests -}}
{{- $scaled := list (dict "name" "intake" "autoscaling_config" (merge (dict "min_replicas" $values.intakeReplicas) $bounds)) -}}
{{- if $values.ensembleReplicas -}}
{{- $scaled = append $scaled (dict "name" "ensemble" "autoscaling_config" (merge (dict "min_replicas" $values.ensembleReplicas) $bounds)) -}}
{{- end -}}
{{- $_ := set $application "deployments" $scaled -}}
{{- end -}}
{{- $_ := set $config "applications" (list $application) -}}
{{- toYaml $config -}}
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

{{- /* What the fine-tune service, its workers and its upkeep share. */ -}}
{{- define "epitaxy.jobEnv" -}}
- {name: EPITAXY_FINETUNE_FOLDER, value: /var/lib/epitaxy/finetune}
- name: EPITAXY_FINETUNE_DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ .Values.secrets.database }}, key: jobs-url}}
{{- end -}}

{{- define "epitaxy.qdrantEnv" -}}
{{- $url := .Values.qdrant.externalUrl -}}
{{- if .Values.qdrant.enabled -}}{{- $url = printf "http://%s-qdrant:6333" (include "epitaxy.fullname" .) -}}{{- end -}}
{{- with $url -}}
- {name: EPITAXY_VECTORS_QDRANT_URL, value: {{ . | quote }}}
- name: EPITAXY_VECTORS_QDRANT_API_KEY
  valueFrom: {secretKeyRef: {name: {{ $.Values.secrets.qdrant }}, key: api-key, optional: {{ not $.Values.qdrant.enabled }}}}
{{- end -}}
{{- end -}}

{{- /* HOST:PORT that "helm test" connects to. */ -}}
{{- define "epitaxy.testTarget" -}}
{{- $own := ternary (first .Values.certificate.dnsNames) (printf "%s-gateway" (include "epitaxy.fullname" .)) .Values.gateway.tls.enabled -}}
{{- default (printf "%s:%v" $own .Values.gateway.service.port) .Values.test.target -}}
{{- end -}}
