{{- /*
Prefix of all objects' names. KubeRay makes longer names of it and takes DNS labels of at most 47 characters for a
RayService: 36 and "-prediction". A name that is longer, has a dot or an upper-case letter, or begins with a digit is
made to fit; eight characters of its digest keep two such releases apart.
*/ -}}
{{- define "epitaxy.fullname" -}}
{{- $given := default .Release.Name .Values.fullnameOverride -}}
{{- $plain := regexReplaceAll "[^a-z0-9-]" (lower $given) "-" -}}
{{- if not (regexMatch "^[a-z]" $plain) -}}{{- $plain = printf "e%s" $plain -}}{{- end -}}
{{- if or (ne $plain $given) (gt (len $plain) 36) -}}
{{- printf "%s-%s" (trimAll "-" (trunc 27 $plain)) (sha256sum $given | trunc 8) -}}
{{- else -}}
{{- $plain -}}
{{- end -}}
{{- end -}}

{{- define "epitaxy.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- /* Labels of objects. Pod templates have none of the chart's version: it would restart every pod at every release. */ -}}
{{- define "epitaxy.labels" -}}
{{ include "epitaxy.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- /* Labels and annotations of a Service: (dict "root" $ "component" NAME "own" .Values.gateway.service) */ -}}
{{- define "epitaxy.serviceMetadata" -}}
{{- $own := default dict .own -}}
labels:
  {{- include "epitaxy.labels" .root | nindent 2 }}
  app.kubernetes.io/component: {{ .component }}
  {{- with mergeOverwrite (deepCopy .root.Values.services.labels) (default dict $own.labels) }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with mergeOverwrite (deepCopy .root.Values.services.annotations) (default dict $own.annotations) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* Name of a Secret: (dict "root" $ "key" a key of .Values.secrets) */ -}}
{{- define "epitaxy.secret" -}}
{{- $endings := dict "gateway" "gateway-secret" "objectStorage" "object-storage" "apiKey" "test-key" "gatewayTls" "gateway-tls" "ingressTls" "ingress-tls" "ray" "ray-token" -}}
{{- $ending := default .key (get $endings .key) -}}
{{- default (printf "%s-%s" (include "epitaxy.fullname" .root) $ending) (get .root.Values.secrets .key) -}}
{{- end -}}

{{- /* Reference of an image: (dict "root" $ "image" .Values.images.api) */ -}}
{{- define "epitaxy.image" -}}
{{- $registry := default .image.registry .root.Values.imageRegistry -}}
{{- with $registry -}}{{ trimSuffix "/" . }}/{{- end -}}
{{- if .image.digest -}}{{ .image.repository }}@{{ .image.digest }}{{- else -}}{{ .image.repository }}:{{ .image.tag }}{{- end -}}
{{- end -}}

{{- /* HOST:PORT of Redis. */ -}}
{{- define "epitaxy.redisAddress" -}}
{{- if .Values.redis.enabled -}}
{{- if or .Values.redis.tls .Values.redis.user -}}{{- fail "redis.tls and redis.user are for an external Redis: set redis.enabled to false and redis.externalAddress" -}}{{- end -}}
{{ include "epitaxy.fullname" . }}-redis:6379
{{- else -}}
{{ required "redis.externalAddress is needed where redis.enabled is false" .Values.redis.externalAddress }}
{{- end -}}
{{- end -}}

{{- define "epitaxy.redisScheme" -}}
{{- ternary "rediss" "redis" .Values.redis.tls -}}
{{- end -}}

{{- define "epitaxy.mlflowUri" -}}
{{- if .Values.mlflow.enabled -}}http://{{ include "epitaxy.fullname" . }}-mlflow:5000{{- else -}}{{ required "mlflow.externalUri is needed where mlflow.enabled is false" .Values.mlflow.externalUri }}{{- end -}}
{{- end -}}

{{- /* Name of the claim of a store: (dict "root" $ "store" NAME) */ -}}
{{- define "epitaxy.claim" -}}
{{- default (printf "%s-%s" (include "epitaxy.fullname" .root) .store) (index .root.Values .store).storage.existingClaim -}}
{{- end -}}

{{- /* The claim itself, unless there is one: (dict "root" $ "store" NAME "mode" M). It outlives the release. */ -}}
{{- define "epitaxy.claimObject" -}}
{{- $storage := (index .root.Values .store).storage -}}
{{- if not $storage.existingClaim }}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ include "epitaxy.claim" (dict "root" .root "store" .store) }}
  labels:
    {{- include "epitaxy.labels" .root | nindent 4 }}
  annotations:
    helm.sh/resource-policy: keep
spec:
  accessModes: [{{ .mode }}]
  {{- with $storage.className }}
  storageClassName: {{ . }}
  {{- end }}
  resources:
    requests: {storage: {{ $storage.size }}}
{{- end }}
{{- end -}}

{{- /* HOST:PORT that "helm test" connects to: the Service, whatever TLS says; the certificate's name goes beside it. */ -}}
{{- define "epitaxy.testTarget" -}}
{{- default (printf "%s-gateway:%v" (include "epitaxy.fullname" .) .Values.gateway.service.port) .Values.test.target -}}
{{- end -}}
