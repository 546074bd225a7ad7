{{- /* No ids: the image has one that is not root's, and OpenShift gives each namespace its own. */ -}}
{{- define "postrider.podSecurity" -}}
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "postrider.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- /* What all pods of Postrider's image have in common. enableServiceLinks is not a matter of taste: Kubernetes would
       add variables for each Service of the namespace, and those for one named postrider would be POSTRIDER_…. */ -}}
{{- define "postrider.podCommon" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext: {{- include "postrider.podSecurity" . | nindent 2 }}
{{- with .pod.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .pod.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .pod.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .pod.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "postrider.containerCommon" -}}
image: {{ include "postrider.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext: {{- include "postrider.containerSecurity" . | nindent 2 }}
{{- end }}

{{- /* How fast replicas come and go, whoever counts them: at once up to twice as many, and slowly fewer, because who goes
       finishes what it has begun first, and load that went often comes back. */ -}}
{{- define "postrider.scalingBehavior" -}}
scaleUp:
  stabilizationWindowSeconds: 0
  selectPolicy: Max
  policies:
    - {type: Percent, value: 100, periodSeconds: 30}
    - {type: Pods, value: 2, periodSeconds: 30}
scaleDown:
  stabilizationWindowSeconds: {{ .scaleDownAfterSeconds }}
  policies:
    - {type: Pods, value: 1, periodSeconds: 60}
{{- end }}
