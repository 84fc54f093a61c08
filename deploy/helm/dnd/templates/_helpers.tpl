{{/* Labels and label values end at 63 characters; a name leaves room for `-peers` and for the number that a revision of the set gets. */}}
{{- define "dnd.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := printf "%s-%s" .Release.Name $name -}}
{{- if contains $name .Release.Name }}{{ $full = .Release.Name }}{{ end -}}
{{- default $full .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "dnd.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "dnd.labels" -}}
{{ include "dnd.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" | quote }}
{{- end -}}

{{/* Above both together, by enough for the last commit on a slow disk. */}}
{{- define "dnd.graceSeconds" -}}
{{- add 35 (div (add .Values.settings.drainNoticeMs .Values.settings.drainMs 999) 1000) -}}
{{- end -}}

{{/* Names by which clients of this namespace and others call the services, and this pod. */}}
{{- define "dnd.hosts" -}}
{{ printf "%[1]s,%[1]s-peers,$(POD_NAME).%[1]s-peers,%[1]s.$(POD_NAMESPACE),%[1]s.$(POD_NAMESPACE).svc,%[1]s.$(POD_NAMESPACE).svc.cluster.local" . }}
{{- end -}}
