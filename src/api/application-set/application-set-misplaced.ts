import { appProjectSchema } from "../app-project-schema.ts";
import { misplacedInSpec } from "../application-misplaced.ts";
import { applicationSchema } from "../application-schema.ts";
import { belongsTo, type Misplaced, writeAt } from "../misplaced-keys.ts";
import { generatorKinds } from "./application-set-generator-schema.ts";
import { applicationSetSchema } from "./application-set-schema.ts";

const template = "spec.template";
const applicationKeys = Object.keys(applicationSchema.properties).filter((key) => key !== "syncPolicy");
const setPolicyKeys = Object.keys(applicationSetSchema.properties.syncPolicy.properties);
const projectKeys = Object.keys(appProjectSchema.properties).filter((key) => key !== "description");
const entries = ["spec.generators[]", "spec.generators[].matrix.generators[]", "spec.generators[].merge.generators[]"];

/** Keys that an ApplicationSet does not know. */
export const misplacedInApplicationSet: readonly Misplaced[] = [
  { at: [""], keys: Object.keys(applicationSetSchema.properties), suggest: writeAt("spec") },
  { at: [""], keys: ["finalizers", "labels", "annotations"], suggest: writeAt("metadata") },
  { at: ["spec"], keys: generatorKinds, suggest: writeAt("spec.generators[]") },
  { at: ["spec"], keys: ["metadata", "spec"], suggest: writeAt(template) },
  { at: ["spec"], keys: applicationKeys, suggest: writeAt(`${template}.spec`) },
  { at: ["spec"], keys: setPolicyKeys, suggest: writeAt("spec.syncPolicy") },
  { at: ["spec"], keys: ["rollingSync", "deletionOrder"], suggest: writeAt("spec.strategy") },
  { at: ["spec", "spec.strategy"], keys: ["steps"], suggest: writeAt("spec.strategy.rollingSync") },
  {
    at: ["spec.syncPolicy"],
    keys: ["automated", "syncOptions", "retry", "managedNamespaceMetadata"],
    suggest: writeAt(`${template}.spec.syncPolicy`),
  },
  { at: ["spec.syncPolicy"], keys: ["prune", "selfHeal"], suggest: writeAt(`${template}.spec.syncPolicy.automated`) },
  { at: ["spec"], keys: projectKeys, suggest: belongsTo("AppProject") },
  { at: [template], keys: ["name", "labels", "annotations", "finalizers"], suggest: writeAt(`${template}.metadata`) },
  { at: [template], keys: [...applicationKeys, "syncPolicy"], suggest: writeAt(`${template}.spec`) },
  { at: [template], keys: ["templatePatch", "goTemplate"], suggest: writeAt("spec") },
  { at: [`${template}.metadata`], keys: ["generateName"], suggest: () => "give `name`, with parameters in it" },
  { at: entries, keys: ["elements", "elementsYaml"], suggest: writeAt("list") },
  { at: entries, keys: ["repoURL", "directories", "files", "revision"], suggest: writeAt("git") },
  { at: entries, keys: ["matchLabels", "matchExpressions"], suggest: writeAt("selector") },
  { at: entries, keys: ["generators"], suggest: () => "belongs at `matrix.generators` or `merge.generators`" },
  { at: entries, keys: ["mergeKeys"], suggest: writeAt("merge") },
  { at: entries, keys: ["cluster"], suggest: () => "did you mean `clusters`?" },
  ...misplacedInSpec(`${template}.spec`),
  ...generatorKinds.flatMap((kind) => misplacedInSpec(`spec.generators[].${kind}.template.spec`)),
];
