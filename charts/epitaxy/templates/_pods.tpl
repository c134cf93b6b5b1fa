{{- /*
Options of the pods of a component: "pods" of the values, over them the component's own "pod", over them a pool of Ray
workers. Mappings are merged, lists are put together, of texts the last one that is not empty counts.
(dict "root" $ "component" NAME "pool" .Values.training.gpuWorkers)
*/ -}}
{{- define "epitaxy.podOptions" -}}
{{- $section := ternary .root.Values.training.keeper (index .root.Values .component) (eq .component "keeper") -}}
{{- $own := default dict $section.pod -}}
{{- $layers := list .root.Values.pods $own (default dict .pool) -}}
{{- $options := dict -}}
{{- range $key := list "labels" "annotations" "serviceAccountLabels" "serviceAccountAnnotations" "nodeSelector" "affinity" -}}
{{- $map := dict -}}
{{- range $layer := $layers -}}{{- with get $layer $key -}}{{- $map = mergeOverwrite $map (deepCopy .) -}}{{- end -}}{{- end -}}
{{- $_ := set $options $key $map -}}
{{- end -}}
{{- range $key := list "tolerations" "topologySpreadConstraints" "env" "volumes" "volumeMounts" -}}
{{- $all := list -}}
{{- range $layer := $layers -}}{{- with get $layer $key -}}{{- $all = concat $all . -}}{{- end -}}{{- end -}}
{{- $_ := set $options $key $all -}}
{{- end -}}
{{- range $key := list "priorityClassName" "runtimeClassName" -}}
{{- range $layer := $layers -}}{{- with get $layer $key -}}{{- $_ := set $options $key . -}}{{- end -}}{{- end -}}
{{- end -}}
{{- range $options.env -}}
{{- if has .name (list "REDIS_PASSWORD" "REDIS_USERNAME" "RAY_REDIS_ADDRESS") -}}
{{- fail (printf "env of pods sets %s, which KubeRay sets itself and refuses: use redis.* and secrets.redis" .name) -}}
{{- end -}}
{{- end -}}
{{- toYaml $options -}}
{{- end -}}

{{- /* "metadata" of a pod template: (dict "root" $ "component" NAME) */ -}}
{{- define "epitaxy.podMetadata" -}}
{{- $options := include "epitaxy.podOptions" . | fromYaml -}}
labels:
  {{- with $options.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- include "epitaxy.selector" .root | nindent 2 }}
  app.kubernetes.io/component: {{ .component }}
{{- with $options.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /*
Fields of every pod: restricted Pod Security, no token of the API server, where it runs.
(dict "root" $ "component" NAME "account" A "token" bool "user" UID "pool" P "spread" bool "affinity" A)
*/ -}}
{{- define "epitaxy.podFields" -}}
{{- $options := include "epitaxy.podOptions" . | fromYaml -}}
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
  {{- if .root.Values.pods.fixedIds }}
  runAsUser: {{ default 10001 .user }}
  runAsGroup: {{ default 10001 .user }}
  fsGroup: {{ default 10001 .user }}
  {{- end }}
  seccompProfile:
    type: RuntimeDefault
{{- with $options.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $options.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with $options.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $options.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with mergeOverwrite $options.affinity (default dict .affinity) }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $options.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml $options.topologySpreadConstraints | nindent 2 }}
{{- else if .spread }}
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
{{- end }}
{{- end -}}

{{- /* Image, pull policy and rights of a container: (dict "root" $ "image" .Values.images.api) */ -}}
{{- define "epitaxy.containerFields" -}}
image: {{ include "epitaxy.image" . }}
imagePullPolicy: {{ .root.Values.imagePullPolicy }}
securityContext:
  {{- include "epitaxy.containerSecurity" .root | nindent 2 }}
{{- end -}}

{{- define "epitaxy.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- /* Variables that a site adds: its proxy, its CA, its own. (dict "root" $ "component" NAME) */ -}}
{{- define "epitaxy.siteEnv" -}}
{{- $values := .root.Values.pods -}}
{{- $env := list -}}
{{- if or $values.proxy.http $values.proxy.https -}}
{{- $full := include "epitaxy.fullname" .root -}}
{{- $direct := list "localhost" "127.0.0.1" ".svc" ".cluster.local" -}}
{{- range list "gateway" "prediction-grpc" "finetune" "campaigns" "training-head-svc" "redis" "mlflow" "postgres" "qdrant" -}}
{{- $direct = append $direct (printf "%s-%s" $full .) -}}
{{- end -}}
{{- with $values.proxy.except -}}{{- $direct = append $direct . -}}{{- end -}}
{{- range $name, $value := dict "http_proxy" $values.proxy.http "https_proxy" $values.proxy.https "no_proxy" (join "," $direct) -}}
{{- if $value -}}{{- $env = concat $env (list (dict "name" $name "value" $value) (dict "name" (upper $name) "value" $value)) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- if $values.caBundle.configMap -}}
{{- range list "SSL_CERT_FILE" "REQUESTS_CA_BUNDLE" "AWS_CA_BUNDLE" "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH" "RAY_REDIS_CA_CERT" -}}
{{- $env = append $env (dict "name" . "value" "/etc/epitaxy/ca/ca.crt") -}}
{{- end -}}
{{- end -}}
{{- $options := include "epitaxy.podOptions" . | fromYaml -}}
{{- with concat $env $options.env -}}{{- toYaml . -}}{{- end -}}
{{- end -}}

{{- /* Mounts that a site adds. (dict "root" $ "component" NAME) */ -}}
{{- define "epitaxy.siteMounts" -}}
{{- $mounts := list -}}
{{- if .root.Values.pods.caBundle.configMap -}}
{{- $mounts = append $mounts (dict "name" "ca-bundle" "mountPath" "/etc/epitaxy/ca" "readOnly" true) -}}
{{- end -}}
{{- $options := include "epitaxy.podOptions" . | fromYaml -}}
{{- with concat $mounts $options.volumeMounts -}}{{- toYaml . -}}{{- end -}}
{{- end -}}

{{- /* Their volumes. (dict "root" $ "component" NAME) */ -}}
{{- define "epitaxy.siteVolumes" -}}
{{- $volumes := list -}}
{{- with .root.Values.pods.caBundle -}}
{{- if .configMap -}}
{{- $items := list (dict "key" .key "path" "ca.crt") -}}
{{- $volumes = append $volumes (dict "name" "ca-bundle" "configMap" (dict "name" .configMap "items" $items)) -}}
{{- end -}}
{{- end -}}
{{- $options := include "epitaxy.podOptions" . | fromYaml -}}
{{- with concat $volumes $options.volumes -}}{{- toYaml . -}}{{- end -}}
{{- end -}}

{{- /* A ServiceAccount: (dict "root" $ "component" NAME "account" A "hook" "pre-delete") */ -}}
{{- define "epitaxy.account" -}}
{{- $options := include "epitaxy.podOptions" . | fromYaml }}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "epitaxy.fullname" .root }}-{{ .account }}
  labels:
    {{- include "epitaxy.labels" .root | nindent 4 }}
    {{- with $options.serviceAccountLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if or .hook $options.serviceAccountAnnotations }}
  annotations:
    {{- with .hook }}
    {{- include "epitaxy.hook" (dict "on" . "weight" "-10") | nindent 4 }}
    {{- end }}
    {{- with $options.serviceAccountAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
automountServiceAccountToken: false
{{- end -}}

{{- /* Annotations of a hook's object: (dict "on" "pre-install,pre-upgrade" "weight" "0") */ -}}
{{- define "epitaxy.hook" -}}
helm.sh/hook: {{ .on }}
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}

{{- /* A RoleBinding of an account to the Role of its name: (dict "root" $ "account" A "hook" H) */ -}}
{{- define "epitaxy.binding" -}}
{{- $name := printf "%s-%s" (include "epitaxy.fullname" .root) .account }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ $name }}
  labels:
    {{- include "epitaxy.labels" .root | nindent 4 }}
  {{- with .hook }}
  annotations:
    {{- include "epitaxy.hook" (dict "on" . "weight" "-10") | nindent 4 }}
  {{- end }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: {{ $name }}}
subjects:
  - {kind: ServiceAccount, name: {{ $name }}, namespace: {{ .root.Release.Namespace }}}
{{- end -}}
