{{- /* What the schema cannot say, each with what to do about it. Included once, in the first template. */ -}}
{{- define "postrider.checks" -}}
{{- $owners := dict "bootstrap" .Values.bootstrap -}}
{{- range $name, $stage := .Values.stages }}{{ $_ := set $owners $name $stage }}{{ end -}}
{{- range $name, $owner := $owners -}}
  {{- $settings := $owner.settings -}}
  {{- if ne $name "bootstrap" }}{{ $settings = mergeOverwrite (deepCopy $.Values.settings) (deepCopy $settings) }}{{ end -}}
  {{- $secrets := include "postrider.secrets" (dict "root" $ "stage" $owner) | fromYamlArray -}}
  {{- range $secrets -}}
    {{- if not .secret }}{{ fail (printf "%s of %s is in no Secret: set existingSecret to the name of one that has the key %s (see the chart's README), or demo.enabled=true to try Postrider out" .variable $name .key) }}{{ end -}}
    {{- if hasKey $settings .variable }}{{ fail (printf "%s of %s is both in settings and in secretSettings: keep one of them" .variable $name) }}{{ end -}}
  {{- end -}}
{{- end -}}
{{- range $name, $stage := .Values.stages -}}
  {{- with $stage.autoscaling -}}
    {{- if and (ne .by "none") (gt (int .minReplicas) (int .maxReplicas)) }}{{ fail (printf "stages.%s.autoscaling: minReplicas is %d, more than maxReplicas, which is %d" $name (int .minReplicas) (int .maxReplicas)) }}{{ end -}}
    {{- if eq .by "backlog" -}}
      {{- if not $.Values.keda.prometheusAddress }}{{ fail (printf "stages.%s.autoscaling.by is backlog: set keda.prometheusAddress to where KEDA finds Prometheus" $name) }}{{ end -}}
      {{- if not (or .backlogPerReplica .oldestSeconds) }}{{ fail (printf "stages.%s.autoscaling.by is backlog: set backlogPerReplica, oldestSeconds or both" $name) }}{{ end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end }}
