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
{{- $earlier := list -}}
{{- range $number, $_ := $values.earlierWeightsClaims -}}{{- $earlier = append $earlier (printf "/var/lib/epitaxy/earlier-weights/%d" $number) -}}{{- end -}}
{{- if $earlier -}}{{- $_ := set $arguments "earlier_model_folders" $earlier -}}{{- end -}}
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
