{{- /* The settings of a stage that are not secret: the chart's own, which nobody else sets, over the stage's, over those of all. */ -}}
{{- define "postrider.settings" -}}
{{- $drain := mergeOverwrite (deepCopy .root.Values.drain) (deepCopy .stage.drain) -}}
{{- $own := dict
  "POSTRIDER_ADMIN_LISTEN" ":8072"
  "POSTRIDER_DRAIN_DELAY" (printf "%ds" (int $drain.delaySeconds))
  "POSTRIDER_DRAIN_TIMEOUT" (printf "%ds" (int $drain.timeoutSeconds)) -}}
{{- if eq .name "ingest" }}{{ $_ := set $own "POSTRIDER_LISTEN" ":8071" }}{{ end -}}
{{- toYaml (mergeOverwrite (deepCopy .root.Values.settings) (deepCopy .stage.settings) $own) }}
{{- end }}

{{- /* The secret settings of a stage or of bootstrap: for each variable the Secret and its key. */ -}}
{{- define "postrider.secrets" -}}
{{- $fallback := coalesce .stage.existingSecret .root.Values.existingSecret -}}
{{- if .root.Values.demo.enabled }}{{ $fallback = printf "%s-demo" (include "postrider.fullname" .root) }}{{ end -}}
{{- $secrets := list -}}
{{- range $variable, $at := mergeOverwrite (deepCopy .root.Values.secretSettings) (deepCopy .stage.secretSettings) }}
{{- $secrets = append $secrets (dict "variable" $variable "secret" ($at.secret | default $fallback) "key" $at.key) }}
{{- end }}
{{- toYaml $secrets }}
{{- end }}

{{- /* Secrets come as files: variables would show up in what is told of a process. */ -}}
{{- define "postrider.secretVariables" -}}
{{- range $i, $s := . }}
{{- if $i }}{{ "\n" }}{{ end -}}
- name: {{ .variable }}_FILE
  value: /etc/postrider/secrets/{{ .variable }}
{{- end }}
{{- end }}

{{- define "postrider.secretVolume" -}}
- name: secrets
  projected:
    sources:
      {{- range . }}
      - secret:
          name: {{ .secret }}
          items:
            - key: {{ .key }}
              path: {{ .variable }}
      {{- end }}
{{- end }}
