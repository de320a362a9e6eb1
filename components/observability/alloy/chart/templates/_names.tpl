{{/* Names of what is not in a namespace: a cluster may be host to several runs, and each has its own. */}}
{{- define "alloy.cluster-name" -}}
{{- $whole := printf "%s-%s" .Release.Namespace .Release.Name -}}
testbed-{{ $whole | trunc 40 | trimSuffix "-" }}-{{ $whole | sha256sum | trunc 8 }}
{{- end }}

{{/* Namespaces of the run, as JSON. */}}
{{- define "alloy.namespaces" -}}
{{- prepend .Values.namespaces .Release.Namespace | uniq | toJson -}}
{{- end }}
