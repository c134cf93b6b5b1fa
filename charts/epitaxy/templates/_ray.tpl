{{- /*
Pod template of a Ray node.
(dict "root" $ "account" A "component" C "container" ray-head|ray-worker "image" I "resources" R "pool" P "grace" S
 "env" extra-env-text "shared" bool "serves" bool)
*/ -}}
{{- define "epitaxy.rayPod" -}}
metadata:
  {{- include "epitaxy.podMetadata" . | nindent 2 }}
spec:
  {{- /* The autoscaler beside a head asks the API server; KubeRay binds its role to this account. */}}
  {{- $token := eq .container "ray-head" }}
  {{- include "epitaxy.podFields" (mergeOverwrite (dict "token" $token "spread" true) .) | nindent 2 }}
  terminationGracePeriodSeconds: {{ default 60 .grace }}
  {{- $devices := dict }}
  {{- $claims := list }}
  {{- with .pool }}
  {{- $claims = default list .resourceClaims }}
  {{- if and .gpus (not $claims) }}{{ $devices = dict .resourceName .gpus }}{{ end }}
  {{- end }}
  {{- with $claims }}
  resourceClaims:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ .container }}
      {{- include "epitaxy.containerFields" . | nindent 6 }}
      env:
        - {name: RAY_USAGE_STATS_ENABLED, value: "0"}
        - {name: RAY_worker_niceness, value: "0"}
        - {name: OMP_NUM_THREADS, value: "1"}
        - {name: RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD, value: "0"}
        - {name: RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP, value: "0"}
        - {name: RAY_SERVE_USE_GRPC_BY_DEFAULT, value: "1"}
        - {name: RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH, value: "2147483647"}
        - {name: RAY_SERVE_REQUEST_PATH_LOG_BUFFER_SIZE, value: "1000"}
        - {name: RAY_SERVE_FREEZE_GC_ON_STARTUP, value: "1"}
        {{- include "epitaxy.scratchEnv" .root | nindent 8 }}
        {{- if .serves }}
        # Callers of Serve sign by it; without it any pod that reaches Serve could name a tenant.
        - {name: EPITAXY_PREDICTION_GATEWAY_SECRET_FILE, value: /etc/epitaxy/gateway/secret}
        {{- end }}
        {{- with include "epitaxy.objectStorageEnv" .root }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- with .env }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- with include "epitaxy.siteEnv" . }}
        {{- . | nindent 8 }}
        {{- end }}
      ports:
        {{- if eq .container "ray-head" }}
        - {name: gcs-server, containerPort: 6379}
        - {name: dashboard, containerPort: 8265}
        - {name: client, containerPort: 10001}
        {{- end }}
        - {name: metrics, containerPort: 8080}
        - {name: agent, containerPort: 52365}
        {{- if .serves }}
        - {name: serve, containerPort: 8000}
        - {name: serve-grpc, containerPort: 9000}
        {{- end }}
      # Started: the agent listens. Alive: the raylet works; the operator restarts a node that fails it. Ray asks for no
      # token on these paths.
      startupProbe:
        tcpSocket: {port: agent}
        periodSeconds: 5
        failureThreshold: 60
      livenessProbe:
        httpGet: {path: /api/local_raylet_healthz, port: agent}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 12
      readinessProbe:
        {{- if eq .container "ray-head" }}
        # Ready: Ray's control plane answers.
        httpGet: {path: /api/gcs_healthz, port: dashboard}
        {{- else if .serves }}
        # Ready: Serve's proxy of this node knows running replicas, so that the Service sends nothing before.
        httpGet: {path: /-/healthz, port: serve}
        {{- else }}
        # Ready: there is nothing to send to it; the raylet's word again, sooner.
        httpGet: {path: /api/local_raylet_healthz, port: agent}
        {{- end }}
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: 3
      resources:
        requests:
          {{- toYaml (merge (deepCopy $devices) .resources.requests) | nindent 10 }}
        limits:
          {{- toYaml (merge (deepCopy $devices) .resources.limits) | nindent 10 }}
        {{- with $claims }}
        claims:
          {{- range . }}
          - name: {{ .name }}
          {{- end }}
        {{- end }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        - {name: shm, mountPath: /dev/shm}
        {{- if .serves }}
        - {name: gateway, mountPath: /etc/epitaxy/gateway, readOnly: true}
        {{- end }}
        {{- if and .serves .root.Values.prediction.weightsClaim }}
        - {name: weights, mountPath: /var/lib/epitaxy/weights, readOnly: true}
        {{- end }}
        {{- if .serves }}
        {{- range $number, $_ := .root.Values.prediction.earlierWeightsClaims }}
        - {name: earlier-weights-{{ $number }}, mountPath: /var/lib/epitaxy/earlier-weights/{{ $number }}, readOnly: true}
        {{- end }}
        {{- end }}
        {{- if .shared }}
        - {name: finetune, mountPath: /var/lib/epitaxy}
        {{- end }}
        {{- with include "epitaxy.siteMounts" . }}
        {{- . | nindent 8 }}
        {{- end }}
  volumes:
    - {name: tmp, emptyDir: {sizeLimit: 20Gi}}
    # Ray's object store: shared memory counts against the container's memory.
    - {name: shm, emptyDir: {medium: Memory, sizeLimit: 2Gi}}
    {{- if .serves }}
    - name: gateway
      secret: {secretName: {{ include "epitaxy.secret" (dict "root" .root "key" "gateway") }}}
    {{- end }}
    {{- if and .serves .root.Values.prediction.weightsClaim }}
    - name: weights
      persistentVolumeClaim: {claimName: {{ .root.Values.prediction.weightsClaim }}, readOnly: true}
    {{- end }}
    {{- if .serves }}
    {{- range $number, $claim := .root.Values.prediction.earlierWeightsClaims }}
    - name: earlier-weights-{{ $number }}
      persistentVolumeClaim: {claimName: {{ $claim }}, readOnly: true}
    {{- end }}
    {{- end }}
    {{- if .shared }}
    - name: finetune
      persistentVolumeClaim: {claimName: {{ include "epitaxy.claim" (dict "root" .root "store" "finetune") }}}
    {{- end }}
    {{- with include "epitaxy.siteVolumes" . }}
    {{- . | nindent 4 }}
    {{- end }}
{{- end -}}

{{- /* What both clusters say alike before their groups: (dict "root" $ "component" C) */ -}}
{{- define "epitaxy.rayCluster" -}}
rayVersion: "2.60.0"
{{- if .root.Values.ray.tokenAuthentication }}
authOptions: {mode: token, secretName: {{ include "epitaxy.secret" (dict "root" .root "key" "ray") }}}
{{- end }}
enableInTreeAutoscaling: true
autoscalerOptions:
  version: v2
  idleTimeoutSeconds: 300
  imagePullPolicy: {{ .root.Values.imagePullPolicy }}
  resources:
    {{- toYaml .root.Values.ray.autoscaler.resources | nindent 4 }}
  # It runs beside the head, in the same pod, with a root of its own that is read-only as well.
  env:
    - {name: HOME, value: /tmp/home}
    {{- with include "epitaxy.siteEnv" . }}
    {{- . | nindent 4 }}
    {{- end }}
  volumeMounts:
    - {name: tmp, mountPath: /tmp}
    {{- with include "epitaxy.siteMounts" . }}
    {{- . | nindent 4 }}
    {{- end }}
  securityContext:
    {{- include "epitaxy.containerSecurity" .root | nindent 4 }}
# No storage namespace: KubeRay names it by the cluster's own id. With a fixed one, a new cluster would read the state of
# the old one, and the clean-up of the old one would erase it.
gcsFaultToleranceOptions:
  redisAddress: {{ include "epitaxy.redisScheme" .root }}://{{ include "epitaxy.redisAddress" .root }}
  {{- with .root.Values.redis.user }}
  redisUsername: {value: {{ . | quote }}}
  {{- end }}
  redisPassword:
    valueFrom: {secretKeyRef: {name: {{ include "epitaxy.secret" (dict "root" .root "key" "redis") }}, key: password}}
{{- end -}}

{{- /* Size of Ray's object store: what passes through it are batches of graphs, a few MB each. */ -}}
{{- define "epitaxy.rayStart" -}}
dashboard-host: "0.0.0.0"
metrics-export-port: "8080"
dashboard-agent-listen-port: "52365"
object-store-memory: "1073741824"
{{- end -}}
