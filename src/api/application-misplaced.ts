import { appProjectSchema } from "./app-project-schema.ts";
import { applicationSchema } from "./application-schema.ts";
import { sourceSchema } from "./application-source-schema.ts";
import { belongsTo, type Misplaced, writeAt } from "./misplaced-keys.ts";

const sourceKeys = Object.keys(sourceSchema.properties);
const policyKeys = Object.keys(applicationSchema.properties.syncPolicy.properties);
const automatedKeys = ["prune", "selfHeal", "allowEmpty"];
const projectKeys = Object.keys(appProjectSchema.properties).filter((key) => key !== "description");
const setKeys = ["generators", "template", "goTemplate", "goTemplateOptions", "templatePatch", "strategy"];
const metadataKeys = ["finalizers", "labels", "annotations"];
/** Options of `syncOptions` that are written as if they were fields. */
const optionKeys = ["CreateNamespace", "PruneLast", "ServerSideApply", "ApplyOutOfSyncOnly", "Replace", "Validate"];

/** Keys that an Application's spec at `spec` does not know. */
export function misplacedInSpec(spec: string): readonly Misplaced[] {
  const policy = `${spec}.syncPolicy`;
  const sources = [`${spec}.source`, `${spec}.sources[]`];
  return [
    { at: [spec], keys: sourceKeys, suggest: writeAt(`${spec}.source`) },
    { at: [spec], keys: ["namespace", "server"], suggest: writeAt(`${spec}.destination`) },
    { at: [spec], keys: policyKeys, suggest: writeAt(policy) },
    { at: [spec], keys: automatedKeys, suggest: writeAt(`${policy}.automated`) },
    { at: [spec, policy], keys: projectKeys, suggest: belongsTo("AppProject") },
    { at: [spec], keys: setKeys, suggest: belongsTo("ApplicationSet") },
    { at: [spec], keys: metadataKeys, suggest: writeAt(spec.replace(/spec$/, "metadata")) },
    { at: [spec], keys: ["operation", "sync"], suggest: () => "write `operation.sync` beside `spec`" },
    { at: [policy], keys: [...automatedKeys, "enabled"], suggest: writeAt(`${policy}.automated`) },
    { at: [policy], keys: ["limit", "backoff", "refresh"], suggest: writeAt(`${policy}.retry`) },
    {
      at: [policy, `${policy}.automated`],
      keys: optionKeys,
      suggest: (key) => `write \`${policy}.syncOptions: ["${key}=true"]\``,
    },
    { at: [`${policy}.automated`], keys: policyKeys, suggest: writeAt(policy) },
    {
      at: [`${policy}.retry`],
      keys: ["duration", "factor", "maxDuration"],
      suggest: writeAt(`${policy}.retry.backoff`),
    },
    { at: sources, keys: Object.keys(sourceSchema.properties.helm.properties), suggest: writeAt("helm") },
    { at: sources, keys: ["recurse", "include", "exclude", "jsonnet"], suggest: writeAt("directory") },
    { at: sources, keys: ["namePrefix", "nameSuffix", "images"], suggest: writeAt("kustomize") },
    {
      at: [...sources, `${spec}.destination`],
      keys: ["source", "destination", "project", "syncPolicy"],
      suggest: writeAt(spec),
    },
  ];
}

/** Keys that an Application does not know. */
export const misplacedInApplication: readonly Misplaced[] = [
  { at: [""], keys: Object.keys(applicationSchema.properties), suggest: writeAt("spec") },
  { at: [""], keys: metadataKeys, suggest: writeAt("metadata") },
  { at: [""], keys: ["sync", "initiatedBy", "retry"], suggest: writeAt("operation") },
  ...misplacedInSpec("spec"),
];
