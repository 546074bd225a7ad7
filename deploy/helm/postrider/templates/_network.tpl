{{- define "postrider.egressNames" -}}
{{- with .Values.networkPolicy.dns -}}
- to: {{- toYaml .to | nindent 4 }}
  ports:
    - {port: {{ .port }}, protocol: UDP}
    - {port: {{ .port }}, protocol: TCP}
{{- end }}
{{- end }}

{{- /* What each of our pods may reach inside: names, NATS and PostgreSQL. */ -}}
{{- define "postrider.egressInside" -}}
{{- with .root.Values.networkPolicy -}}
{{- include "postrider.egressNames" $.root }}
- ports:
    - {port: {{ .nats.port }}, protocol: TCP}
  {{- if $.root.Values.demo.enabled }}
  to:
    - podSelector:
        matchLabels: {{- include "postrider.selector" (dict "root" $.root "component" "nats") | nindent 10 }}
  {{- else if .nats.to }}
  to: {{- toYaml .nats.to | nindent 4 }}
  {{- end }}
- ports:
    - {port: {{ .postgres.port }}, protocol: TCP}
  {{- if $.root.Values.demo.enabled }}
  to:
    - podSelector:
        matchLabels: {{- include "postrider.selector" (dict "root" $.root "component" "postgres") | nindent 10 }}
  {{- else if .postgres.to }}
  to: {{- toYaml .postgres.to | nindent 4 }}
  {{- end }}
{{- with .egress }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The internet, on the ports that endpoints may have, without what is private, reserved or a cloud's own: the second
       fence behind the process's, which knows more (shared/egress). Networks that POSTRIDER_EGRESS_ALLOW opens are
       opened here too, on all ports. */ -}}
{{- define "postrider.egressInternet" -}}
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except: [0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 168.63.129.16/32, 169.254.0.0/16, 172.16.0.0/12, 192.0.0.0/24, 192.0.2.0/24, 192.31.196.0/24, 192.52.193.0/24, 192.88.99.0/24, 192.168.0.0/16, 192.175.48.0/24, 198.18.0.0/15, 198.51.100.0/24, 203.0.113.0/24, 224.0.0.0/3]
    # What is assigned to the public; the rest of IPv6 is reserved, private or local.
    - ipBlock:
        cidr: 2000::/3
        except: ["2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"]
  ports:
    - {port: 80, protocol: TCP}
    - {port: 443, protocol: TCP}
    - {port: 1024, endPort: 65535, protocol: TCP}
{{- with .allow }}
- to:
    {{- range splitList "," . }}
    - ipBlock:
        cidr: {{ trim . | quote }}
    {{- end }}
{{- end }}
{{- end }}
