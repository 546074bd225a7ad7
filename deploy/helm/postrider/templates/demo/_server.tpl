{{- /* Where a server of the demo keeps its data: on a disk, or in what is gone with its pod. */ -}}
{{- define "postrider.demoVolume" -}}
{{- if not .Values.demo.storage }}
- name: data
  emptyDir: {}
{{- end }}
{{- end }}

{{- define "postrider.demoClaim" -}}
{{- if .Values.demo.storage }}
volumeClaimTemplates:
  - metadata:
      name: data
    spec:
      accessModes: [ReadWriteOnce]
      resources:
        requests:
          storage: {{ .Values.demo.storage }}
{{- end }}
{{- end }}
