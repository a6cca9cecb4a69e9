import type { JsonSchema } from "../base/schema.ts";
import { listField, openObject, textField, textMap } from "./shared-schemas.ts";

function flag(description: string): JsonSchema {
  return { type: "boolean", description };
}

function object(description: string, properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return { type: "object", description, properties };
}

const texts = (description: string): JsonSchema => listField(description, { type: "string" });
const nameAndValue = object("One entry.", { name: textField("Its name."), value: textField("Its value.") });
const jsonnetVariable = object("One variable.", {
  name: textField("Its name."),
  value: textField("Its value."),
  code: flag("Whether the value is an expression."),
});

const helmSchema = object("How the chart is rendered.", {
  valueFiles: texts("Files with values, later ones win."),
  parameters: listField("Single values.", {
    ...object("One value.", {
      name: textField("A path into the values."),
      value: textField("The value."),
      forceString: flag("Whether it stays text."),
    }),
  }),
  fileParameters: listField("Values read from files.", {
    ...object("One value.", { name: textField("A path into the values."), path: textField("The file.") }),
  }),
  releaseName: textField("Default: the Application's name."),
  values: textField("Values as YAML."),
  valuesObject: openObject("Values; wins over `values`."),
  version: textField("Kept for the original."),
  passCredentials: flag("Whether credentials go to every host."),
  ignoreMissingValueFiles: flag("Whether files that are missing are left out."),
  skipCrds: flag("Whether the chart's CRDs are left out."),
  skipTests: flag("Whether the chart's tests are left out."),
  skipSchemaValidation: flag("Whether values are not checked."),
  namespace: textField("The release's namespace."),
  kubeVersion: textField("The cluster's version that the chart sees."),
  apiVersions: texts("The cluster's API versions that the chart sees."),
});

const kustomizeSchema: JsonSchema = {
  ...object("How the kustomization is rendered.", {
    namePrefix: textField("Before each name."),
    nameSuffix: textField("After each name."),
    images: texts("[old=]new[:tag|@digest]"),
    replicas: listField("How many replicas.", {
      ...object("One workload.", {
        name: textField("Its name."),
        count: { description: "How many.", "x-kubernetes-int-or-string": true },
      }),
    }),
    commonLabels: textMap("Labels for every object."),
    commonAnnotations: textMap("Annotations for every object."),
    commonAnnotationsEnvsubst: flag("Whether $VARIABLES in them are replaced."),
    forceCommonLabels: flag("Whether labels of objects are overwritten."),
    forceCommonAnnotations: flag("Whether annotations of objects are overwritten."),
    labelWithoutSelector: flag("Whether selectors are left alone."),
    labelIncludeTemplates: flag("Whether pod templates get the labels, too."),
    namespace: textField("For every object."),
    patches: listField("Changes of objects.", openObject("One change.")),
    components: texts("Components to add."),
    ignoreMissingComponents: flag("Whether components that are missing are left out."),
    version: textField("The version of kustomize."),
    kubeVersion: textField("The cluster's version."),
    apiVersions: texts("The cluster's API versions."),
  }),
};

const directorySchema = object("How plain manifests are found.", {
  recurse: flag("Whether folders below are read, too."),
  include: textField("A glob of files to read; {a,b} for several."),
  exclude: textField("A glob of files to leave out; wins."),
  disableExtensionFilter: flag("Whether files of any extension are read."),
  jsonnet: object("How Jsonnet files are evaluated.", {
    extVars: listField("External variables.", jsonnetVariable),
    tlas: listField("Top-level arguments.", jsonnetVariable),
    libs: texts("Folders with libraries."),
  }),
});

const pluginSchema = object("A plugin that makes the manifests.", {
  name: textField("Its name."),
  env: listField("Environment.", nameAndValue),
  parameters: listField("Parameters.", openObject("One parameter.")),
});

const toolFields = { helm: helmSchema, kustomize: kustomizeSchema, directory: directorySchema, plugin: pluginSchema };

export const sourceSchema: JsonSchema = {
  ...object("Where manifests come from.", {
    repoURL: textField("A Git or Helm repository, or oci://…"),
    path: textField("A folder in the repository."),
    targetRevision: textField("Branch, tag, commit or version constraint. Default HEAD."),
    tagPrefix: textField("Only tags that begin so count."),
    chart: textField("The name of a Helm chart."),
    ref: textField("The name by which other sources refer to this one."),
    name: textField("A label."),
    ...toolFields,
  }),
  required: ["repoURL"],
};

const retrySchema = object("How a failed sync is tried again.", {
  limit: { type: "integer", description: "How often; negative: without end." },
  backoff: object("The pauses.", {
    duration: textField("The first pause. Default 5s."),
    factor: { type: "integer", description: "Each pause is so many times the one before. Default 2." },
    maxDuration: textField("The longest pause. Default 3m."),
  }),
  refresh: flag("Whether a retry takes the newest revision."),
});

/** The Application's `spec` (spec argo-cd-engine 1.1 to 1.4). */
export const applicationSchema: JsonSchema = {
  ...object("Keeps objects of a cluster at what a repository says.", {
    source: sourceSchema,
    sources: listField("Several sources; used instead of `source`.", sourceSchema),
    sourceHydrator: openObject("Renders into a branch, and syncs from there."),
    destination: object("Where the objects go.", {
      server: textField("The cluster's URL."),
      name: textField("The cluster's name, instead of `server`."),
      namespace: textField("For objects that name none."),
    }),
    project: textField("The AppProject. Default: default."),
    syncPolicy: object("When and how it syncs.", {
      automated: object("Syncs by itself.", {
        enabled: flag("Default true."),
        prune: flag("Whether objects that are not in the source any more are deleted."),
        selfHeal: flag("Whether changes made in the cluster are undone."),
        allowEmpty: flag("Whether everything may be deleted."),
      }),
      syncOptions: texts("Options, as Key=value."),
      retry: retrySchema,
      managedNamespaceMetadata: object("For the namespace that CreateNamespace=true makes.", {
        labels: textMap("Its labels."),
        annotations: textMap("Its annotations."),
      }),
    }),
    ignoreDifferences: listField("Differences that do not count.", {
      ...object("One rule.", {
        group: textField("A glob."),
        kind: textField("A glob."),
        name: textField("Default: any."),
        namespace: textField("Default: any."),
        jsonPointers: texts("Fields."),
        jqPathExpressions: texts("Fields, as jq paths."),
        managedFieldsManagers: texts("Fields that these managers own."),
      }),
      required: ["kind"],
    }),
    info: listField("Shown to people.", nameAndValue),
    revisionHistoryLimit: { type: "integer", description: "How many syncs are remembered. Default 10." },
  }),
  required: ["destination"],
};

/** The Application's `operation` (1.5). */
export const operationSchema = object("What is to be done now; removed when it is done.", {
  sync: object("A sync.", {
    revision: textField("Default: the source's targetRevision."),
    revisions: texts("One for each source."),
    source: sourceSchema,
    sources: listField("Instead of the spec's.", sourceSchema),
    prune: flag("Whether objects are deleted."),
    dryRun: flag("Whether nothing is changed."),
    syncStrategy: object("With hooks (the default) or without.", {
      apply: object("Without hooks.", { force: flag("Whether objects that cannot be changed are made anew.") }),
      hook: object("With hooks.", { force: flag("Whether objects that cannot be changed are made anew.") }),
    }),
    resources: listField("Only these objects.", {
      ...object("One object.", {
        group: textField("Its API group."),
        kind: textField("Its kind."),
        name: textField("Its name."),
        namespace: textField("Its namespace."),
        exclude: flag("Kept for the original."),
      }),
    }),
    manifests: texts("Instead of the source's."),
    syncOptions: texts("Options, as Key=value."),
    autoHealAttemptsCount: { type: "integer", description: "How often self-heal tried." },
  }),
  initiatedBy: object("Who asked.", {
    username: textField("A person."),
    automated: flag("Whether the engine itself did."),
  }),
  info: listField("Shown to people.", nameAndValue),
  retry: retrySchema,
});
