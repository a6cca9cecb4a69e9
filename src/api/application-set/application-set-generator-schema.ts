import type { JsonSchema } from "../../base/schema.ts";
import { any, flag, list, object, open, text, texts, textsByName } from "../application-fields.ts";
import { override, requeue, selectorSchema, values } from "./application-set-fields.ts";
import { pullRequestSchema, scmProviderSchema } from "./application-set-scm-schema.ts";

const pathItem = <const D extends string>(description: D) =>
  object(
    description,
    { path: text("A pattern."), exclude: { ...flag("Whether what fits is left out."), default: false } },
    ["path"],
  );

const listSchema = object("Sets that are written here.", {
  elements: list("The sets: texts by key; with goTemplate any objects.", any("One set.")),
  elementsYaml: text("More sets: YAML of a list of objects."),
  template: override,
});

const clustersSchema = object("One set for each cluster that is known.", {
  selector: selectorSchema,
  flatList: { ...flag("Whether there is one set with all clusters in a list, `clusters`."), default: false },
  values,
  template: override,
});

const gitSchema = object(
  "One set for each folder, or for each file's content, of a repository.",
  {
    repoURL: text("The repository."),
    revision: text("Branch, tag or commit."),
    directories: list("Folders; * stays within one segment.", pathItem("One pattern.")),
    files: list("Files of JSON or YAML, each an object or a list of objects.", pathItem("One pattern.")),
    requeueAfterSeconds: requeue(180),
    pathParamPrefix: text("Before the parameters `path…`."),
    values,
    template: override,
  },
  ["repoURL", "revision"],
);

const decisionSchema = object(
  "One set for each cluster that some resource's status lists.",
  {
    configMapRef: text("A ConfigMap with apiVersion, kind, statusListKey and matchKey of the resource."),
    name: text("The resource's name; not beside `labelSelector`."),
    labelSelector: selectorSchema,
    requeueAfterSeconds: requeue(180),
    values: textsByName("More parameters: values.<key>, as written."),
    template: override,
  },
  ["configMapRef"],
);

const pluginSchema = object(
  "Sets that a server gives.",
  {
    configMapRef: object(
      "Where the server is.",
      { name: text("A ConfigMap with baseUrl, token and requestTimeout.") },
      ["name"],
    ),
    input: object("What the server is told.", { parameters: open("Anything.") }),
    requeueAfterSeconds: requeue(1800),
    values,
    template: override,
  },
  ["configMapRef"],
);

/** Generators that use no others (spec argo-cd-surface 1.4). */
const plain = {
  list: listSchema,
  clusters: clustersSchema,
  git: gitSchema,
  scmProvider: scmProviderSchema,
  clusterDecisionResource: decisionSchema,
  pullRequest: pullRequestSchema,
  plugin: pluginSchema,
} as const;

/** An entry whose generators may use no others: two levels below the ApplicationSet's own. */
export const plainGeneratorSchema = object("One generator.", { ...plain, selector: selectorSchema });

/** A child of matrix or merge. Its own children are free-form in the CRD, since a CRD cannot refer to itself. */
export const childGeneratorSchema = object("One generator.", {
  ...plain,
  matrix: open("Each set of the first generator with each of the second: `generators`, which are plain."),
  merge: open("Sets of the first generator, completed by the others: `generators`, which are plain, `mergeKeys`."),
  selector: selectorSchema,
});

const matrixSchema = object(
  "Each set of the first generator with each of the second, which may use the first's parameters.",
  { generators: list("Two generators.", childGeneratorSchema), template: override },
  ["generators"],
);

const mergeSchema = object(
  "Sets of the first generator, completed by those of the others that have the same values.",
  {
    generators: list("Two or more generators.", childGeneratorSchema),
    mergeKeys: texts("The parameters that must be the same."),
    template: override,
  },
  ["generators", "mergeKeys"],
);

/** An entry of `spec.generators`. */
export const generatorSchema = object("One generator.", {
  ...plain,
  matrix: matrixSchema,
  merge: mergeSchema,
  selector: selectorSchema,
}) satisfies JsonSchema;

/** Of a combination that is itself a child of matrix or merge; it has no template. */
export const childCombinationSchema = object("A combination.", {
  generators: list("Generators that use no others.", plainGeneratorSchema),
  mergeKeys: texts("Of merge: the parameters that must be the same."),
});

export type GeneratorKind = keyof typeof plain | "matrix" | "merge";

export const plainGeneratorKinds = Object.keys(plain) as readonly GeneratorKind[];

export const generatorKinds: readonly GeneratorKind[] = [...plainGeneratorKinds, "matrix", "merge"];
