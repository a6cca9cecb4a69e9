import { flag, list, namedValue, object, open, text, texts, textsByName, wholeOrText } from "./application-fields.ts";

const jsonnetVariable = object(
  "One variable.",
  {
    name: text("Its name."),
    value: text("Its value."),
    code: { ...flag("Whether the value is an expression, not text."), default: false },
  },
  ["name", "value"],
);

const helmSchema = object("How the chart is rendered.", {
  valueFiles: texts("Files with values, later ones win; $ref/path takes a file of another source."),
  parameters: list(
    "Single values, which win over all others.",
    object("One value.", {
      name: text("A path into the values."),
      value: text("The value."),
      forceString: { ...flag("Whether it stays text, even if it looks like a number."), default: false },
    }),
  ),
  fileParameters: list(
    "Values read from files.",
    object("One value.", { name: text("A path into the values."), path: text("The file.") }),
  ),
  releaseName: text("The release's name. Default: the Application's name."),
  values: text("Values as YAML."),
  valuesObject: open("Values; wins over `values`."),
  version: text("The version of Helm: v3, v4 or empty; kept for the original."),
  passCredentials: { ...flag("Whether credentials go to every host."), default: false },
  ignoreMissingValueFiles: { ...flag("Whether files of `valueFiles` that are missing are left out."), default: false },
  skipCrds: { ...flag("Whether the chart's CRDs are left out."), default: false },
  skipTests: { ...flag("Whether the chart's tests are left out."), default: false },
  skipSchemaValidation: { ...flag("Whether values are not checked with the chart's schema."), default: false },
  namespace: text("The release's namespace. Default: the destination's."),
  kubeVersion: text("The cluster's version that the chart sees. Default: the destination's."),
  apiVersions: texts("The cluster's API versions that the chart sees. Default: the destination's."),
});

const patchTarget = object("The objects that are changed.", {
  group: text("Their API group."),
  version: text("Their API version."),
  kind: text("Their kind."),
  name: text("Their name, as a regular expression."),
  namespace: text("Their namespace, as a regular expression."),
  labelSelector: text("Their labels."),
  annotationSelector: text("Their annotations."),
});

const kustomizeSchema = object("How the kustomization is rendered.", {
  namePrefix: text("Before each name."),
  nameSuffix: text("After each name."),
  images: texts("Images to replace: [old=]new[:tag|@digest]"),
  replicas: list(
    "How many replicas.",
    object("One workload.", { name: text("Its name."), count: wholeOrText("How many.") }, ["name", "count"]),
  ),
  commonLabels: textsByName("Labels for every object."),
  commonAnnotations: textsByName("Annotations for every object."),
  commonAnnotationsEnvsubst: { ...flag("Whether $VARIABLES in them are replaced."), default: false },
  forceCommonLabels: { ...flag("Whether labels of objects are overwritten."), default: false },
  forceCommonAnnotations: { ...flag("Whether annotations of objects are overwritten."), default: false },
  labelWithoutSelector: { ...flag("Whether selectors are left alone."), default: false },
  labelIncludeTemplates: { ...flag("Whether pod templates get the labels, too."), default: false },
  namespace: text("The namespace for every object."),
  patches: list(
    "Changes of objects.",
    object("One change.", {
      path: text("A file with the change, instead of `patch`."),
      patch: text("The change: a strategic merge patch or a JSON patch."),
      target: patchTarget,
      options: {
        type: "object",
        description: "Options of kustomize, such as allowNameChange.",
        additionalProperties: { type: "boolean" },
      },
    }),
  ),
  components: texts("Components to add."),
  ignoreMissingComponents: { ...flag("Whether components that are missing are left out."), default: false },
  version: text("The version of kustomize."),
  kubeVersion: text("The cluster's version that charts see."),
  apiVersions: texts("The cluster's API versions that charts see."),
});

const directorySchema = object("How plain manifests are found.", {
  recurse: { ...flag("Whether folders below are read, too."), default: false },
  include: text("A glob of files to read; {a,b} for several."),
  exclude: text("A glob of files to leave out; wins over `include`."),
  disableExtensionFilter: { ...flag("Whether files of any extension are read."), default: false },
  jsonnet: object("How Jsonnet files are evaluated.", {
    extVars: list("External variables.", jsonnetVariable),
    tlas: list("Top-level arguments.", jsonnetVariable),
    libs: texts("Folders with libraries."),
  }),
});

const pluginSchema = object("A plugin that makes the manifests.", {
  name: text("Its name; empty: the first that says it fits."),
  env: list("Environment; the plugin sees ARGOCD_ENV_<name>.", namedValue),
  parameters: list(
    "Parameters; the plugin sees PARAM_<name> and ARGOCD_APP_PARAMETERS.",
    object("One parameter, of one of three types.", {
      name: text("Its name."),
      string: text("A text."),
      map: textsByName("Texts by name."),
      array: texts("A list of texts."),
    }),
  ),
});

const tools = {
  helm: helmSchema,
  kustomize: kustomizeSchema,
  directory: directorySchema,
  plugin: pluginSchema,
} as const;

/** spec argo-cd-engine 1.2 */
export const sourceSchema = object(
  "Where manifests come from.",
  {
    repoURL: text("A Git or Helm repository, or oci://…"),
    path: text("A folder in the repository; not beside `chart`."),
    targetRevision: text("Branch, tag, commit or version constraint. Git's default: HEAD. A chart needs one."),
    tagPrefix: text("Only tags that begin so count, and the rest of the tag is the version."),
    chart: text("The name of a Helm chart; not beside `path`."),
    ref: text("The name by which value files of other sources refer to this one: $name/path."),
    name: text("A label for people."),
    ...tools,
  },
  ["repoURL"],
);

/** spec argo-cd-engine 1.3 */
export const hydratorSchema = object(
  "Renders into a branch, and syncs from there; wins over `source` and `sources`.",
  {
    drySource: object(
      "What is rendered.",
      {
        repoURL: text("A Git repository."),
        targetRevision: text("Branch, tag or commit."),
        path: text("A folder in the repository."),
        ...tools,
      },
      ["repoURL", "targetRevision", "path"],
    ),
    syncSource: object(
      "What is synced.",
      {
        repoURL: text("The repository. Default: the dry source's."),
        targetBranch: text("The branch with the rendered manifests."),
        path: {
          ...text("The folder with the rendered manifests; never the root."),
          minLength: 1,
          pattern: "^.{2,}|[^./]$",
        },
      },
      ["targetBranch", "path"],
    ),
    hydrateTo: object(
      "Where the rendered manifests are written first, so that somebody promotes them.",
      { targetBranch: text("The branch.") },
      ["targetBranch"],
    ),
  },
  ["drySource", "syncSource"],
);
