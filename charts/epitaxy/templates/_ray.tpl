{{- /*
Pod template of a Ray node.
(dict "root" $ "account" A "component" C "container" ray-head|ray-worker "image" I "resources" R "gpus" N "pool" P
 "grace" S "env" extra-env-text "shared" bool)
*/ -}}
{{- define "epitaxy.rayPod" -}}
metadata:
  labels:
    {{- include "epitaxy.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  {{- /* The autoscaler beside a head asks the API server; KubeRay binds its role to this account. */}}
  {{- include "epitaxy.podBasics" (dict "root" .root "account" .account "token" (eq .container "ray-head")) | nindent 2 }}
  {{- include "epitaxy.spread" (dict "root" .root "component" .component) | nindent 2 }}
  terminationGracePeriodSeconds: {{ default 60 .grace }}
  {{- with .pool }}
  {{- with .nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  containers:
    - name: {{ .container }}
      image: {{ include "epitaxy.image" (dict "image" .image) }}
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
        - name: REDIS_PASSWORD
          valueFrom: {secretKeyRef: {name: {{ .root.Values.secrets.redis }}, key: password}}
        {{- include "epitaxy.scratchEnv" .root | nindent 8 }}
        {{- with include "epitaxy.objectStorageEnv" .root }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- with .env }}
        {{- . | nindent 8 }}
        {{- end }}
      ports:
        {{- if eq .container "ray-head" }}
        - {name: gcs, containerPort: 6379}
        - {name: dashboard, containerPort: 8265}
        - {name: client, containerPort: 10001}
        {{- end }}
        - {name: metrics, containerPort: 8080}
        - {name: agent, containerPort: 52365}
        {{- if .serves }}
        - {name: serve, containerPort: 8000}
        - {name: serve-grpc, containerPort: 9000}
        {{- end }}
      # Started: the agent listens. Alive: the raylet works; the operator restarts a node that fails it.
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
          {{- toYaml .resources.requests | nindent 10 }}
          {{- if .gpus }}
          nvidia.com/gpu: {{ .gpus }}
          {{- end }}
        limits:
          {{- toYaml .resources.limits | nindent 10 }}
          {{- if .gpus }}
          nvidia.com/gpu: {{ .gpus }}
          {{- end }}
      securityContext:
        {{- include "epitaxy.containerSecurity" .root | nindent 8 }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        - {name: shm, mountPath: /dev/shm}
        {{- if and .serves .root.Values.prediction.weightsClaim }}
        - {name: weights, mountPath: /var/lib/epitaxy/weights, readOnly: true}
        {{- end }}
        {{- if .shared }}
        - {name: finetune, mountPath: /var/lib/epitaxy}
        {{- end }}
  volumes:
    - {name: tmp, emptyDir: {sizeLimit: 20Gi}}
    # Ray's object store: shared memory counts against the container's memory.
    - {name: shm, emptyDir: {medium: Memory, sizeLimit: 2Gi}}
    {{- if and .serves .root.Values.prediction.weightsClaim }}
    - name: weights
      persistentVolumeClaim: {claimName: {{ .root.Values.prediction.weightsClaim }}, readOnly: true}
    {{- end }}
    {{- if .shared }}
    - name: finetune
      persistentVolumeClaim: {claimName: {{ include "epitaxy.fullname" .root }}-finetune}
    {{- end }}
{{- end -}}

{{- /* The autoscaler runs beside the head, in the same pod, with a root of its own that is read-only as well. */ -}}
{{- define "epitaxy.autoscalerScratch" -}}
env:
  - {name: HOME, value: /tmp/home}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
{{- end -}}

{{- define "epitaxy.gcsFaultTolerance" -}}
gcsFaultToleranceOptions:
  redisAddress: redis://{{ include "epitaxy.redisAddress" .root }}
  redisPassword:
    valueFrom: {secretKeyRef: {name: {{ .root.Values.secrets.redis }}, key: password}}
  externalStorageNamespace: {{ include "epitaxy.fullname" .root }}-{{ .component }}
{{- end -}}

{{- /* Size of Ray's object store: what passes through it are batches of graphs, a few MB each. */ -}}
{{- define "epitaxy.rayStart" -}}
dashboard-host: "0.0.0.0"
metrics-export-port: "8080"
dashboard-agent-listen-port: "52365"
object-store-memory: "1073741824"
{{- end -}}
