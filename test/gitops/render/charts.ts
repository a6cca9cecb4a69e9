import type { Files } from "./rig.ts";

/** A chart that shows every value and everything that Helm is told. */
export const chart: Files = {
  "app/Chart.yaml": "apiVersion: v2\nname: shown\nversion: 1.2.3\n",
  "app/values.yaml": "color: from-the-chart\nnested: {deep: chart, other: chart}\nlist: []\n",
  "app/values-prod.yaml": "color: from-prod\nnested: {deep: prod}\n",
  "app/values-late.yaml": "color: from-late\n",
  "app/env/web.yaml": "color: from-the-variable\n",
  "shared/values.yaml": "color: from-shared\nnested: {other: shared}\n",
  "shared/z.yaml": "order: z\n",
  "shared/a.yaml": "order: a\n",
  "shared/deep/er/m.yaml": "order: m\n",
  "app/certificate.txt": "line one,\nline two\n",
  "app/crds/things.yaml":
    "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.example.com}\n",
  "app/templates/_helpers.tpl": '{{- define "shown.name" -}}{{ .Release.Name }}-{{ .Chart.Name }}{{- end -}}\n',
  "app/templates/all.yaml": `apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "shown.name" . }}
  namespace: {{ .Release.Namespace }}
data:
  values: {{ .Values | toJson | quote }}
`,
  "app/templates/hook.yaml": `apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  annotations: {helm.sh/hook: pre-install}
`,
  "app/templates/tests/test.yaml": `apiVersion: v1
kind: Pod
metadata:
  name: test
  annotations: {helm.sh/hook: test}
`,
};

/** The same with a schema that refuses every color. */
export const strictChart: Files = {
  ...chart,
  "app/values.schema.json": '{"type":"object","properties":{"color":{"type":"number"}}}',
};

/** Looks at the cluster's versions. */
export const askingChart: Files = {
  ...chart,
  "app/templates/asking.yaml": `apiVersion: v1
kind: ConfigMap
metadata: {name: asking}
data:
  kube: {{ .Capabilities.KubeVersion.Version }}
  crd: {{ .Capabilities.APIVersions.Has "example.com/v1/Thing" | quote }}
`,
};
