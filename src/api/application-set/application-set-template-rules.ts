import { isJsonObject, type JsonValue } from "../../base/json.ts";
import { createSchema, type Problem } from "../../base/schema.ts";
import { annotationProblems, applicationFinalizers, finalizerProblems } from "../application-metadata-rules.ts";
import { isTemplate, specTraps } from "../application-traps.ts";
import { listOf, objectOf, readFields, textOf, warningAt } from "../fields.ts";
import { yamlOf } from "./application-set-generator-rules.ts";
import { nameProblems } from "./application-set-names.ts";
import { templateSchema } from "./application-set-schema.ts";
import type { ApplicationSet } from "./application-set-types.ts";

const path = "spec.template";
const shape = createSchema(templateSchema);

/** What the template, those of generators, and the patch do not do as one would think (spec argo-cd-surface 1.7 to 1.10). */
export function templateProblems(set: ApplicationSet): Problem[] {
  const { metadata, spec } = set.template;
  return [
    ...nameProblems(set),
    ...namespaceProblems(set),
    ...specTraps(spec, `${path}.spec`),
    ...annotationProblems(objectOf(metadata.annotations), `${path}.metadata.annotations`),
    ...finalizerProblems(metadata, applicationFinalizers, `${path}.metadata`),
    ...cascadeProblems(set),
    ...set.generators.flatMap(({ template, path: at }) =>
      template ? overrideProblems(template, `${at}.template`) : [],
    ),
    ...patchProblems(set.templatePatch),
    ...optionProblems(set),
    ...syntaxProblems(set),
  ];
}

function namespaceProblems({ metadata, template }: ApplicationSet): Problem[] {
  const namespace = textOf(template.metadata.namespace);
  // "default" may be the namespace that `kubectl -n` fills in later.
  if (namespace === "" || namespace === metadata.namespace || metadata.namespace === "default") return [];
  const message = `has no effect: Applications are made in the ApplicationSet's namespace, ${metadata.namespace}`;
  return [warningAt(`${path}.metadata.namespace`, message)];
}

function cascadeProblems({ preserveResourcesOnDeletion, template }: ApplicationSet): Problem[] {
  const finalizers = listOf(template.metadata.finalizers).map(textOf);
  const index = finalizers.findIndex((finalizer) => applicationFinalizers.slice(0, 3).includes(finalizer));
  if (!preserveResourcesOnDeletion || index < 0) return [];
  const message = "deletes the objects of Applications in spite of `preserveResourcesOnDeletion`";
  return [warningAt(`${path}.metadata.finalizers[${index}]`, message)];
}

/** The original's CRD demands all fields of a whole template, which it does not need to run: warnings. */
function overrideProblems(template: JsonValue, at: string): Problem[] {
  const problems: Problem[] = [];
  const read = readFields(template, templateSchema, at, problems);
  const found = shape.check(read, at).map((problem): Problem => {
    if (problem.message !== "is required") return problem;
    return warningAt(problem.path, "is demanded by the CRD of Argo CD, though it may be empty");
  });
  return [...problems, ...found];
}

function patchProblems(patch: string): Problem[] {
  if (patch === "" || isTemplate(patch)) return [];
  const document = yamlOf(patch);
  if (!isJsonObject(document)) return [warningAt("spec.templatePatch", "must be YAML or JSON of an object")];
  if (objectOf(document.spec).project === undefined) return [];
  return [warningAt("spec.templatePatch", "a change of spec.project has no effect", "give it in `spec.template`")];
}

const engineOptions = ["missingkey=default", "missingkey=invalid", "missingkey=zero", "missingkey=error"];

function optionProblems({ goTemplate, goTemplateOptions }: ApplicationSet): Problem[] {
  if (goTemplateOptions.length > 0 && !goTemplate) {
    return [warningAt("spec.goTemplateOptions", "has no effect without `goTemplate: true`")];
  }
  return goTemplateOptions.flatMap((option, index) => {
    if (engineOptions.includes(option)) return [];
    const message = `${JSON.stringify(option)} must be one of ${engineOptions.join(", ")}`;
    return [warningAt(`spec.goTemplateOptions[${index}]`, message)];
  });
}

/** Texts beyond these are read when they are rendered. */
const maxTexts = 10_000;
const maxSyntaxProblems = 20;

function syntaxProblems(set: ApplicationSet): Problem[] {
  const problems: Problem[] = [];
  const check = set.goTemplate ? goFault : plainFault;
  for (const [at, text] of textsOf(set)) {
    if (problems.length >= maxSyntaxProblems) break;
    const fault = isTemplate(text) ? check(text) : undefined;
    if (fault) problems.push(warningAt(at, fault.message, fault.suggestion));
    // One line tells it all: the set is meant to be one of Go templates.
    if (fault && !set.goTemplate) break;
  }
  return problems;
}

interface Fault {
  readonly message: string;
  readonly suggestion: string;
}

/** Words that stand alone in a Go template. */
const goWords = new Set(["else", "end", "break", "continue", "nil", "true", "false", "now", "uuidv4", "list", "dict"]);

function goFault(text: string): Fault | undefined {
  for (const [action = "", inner = ""] of text.matchAll(/\{\{-?\s*([A-Za-z][\w.-]*(?:\[\d+\])?)\s*-?\}\}/g)) {
    if (goWords.has(inner)) continue;
    const message = `${JSON.stringify(action)} is not a Go template: a parameter begins with a dot`;
    const segment = /^(.*)path\[(\d+)\]$/.exec(inner);
    const likely = segment ? `index .${segment[1]}path.segments ${segment[2]}` : `.${inner}`;
    return { message, suggestion: `did you mean \`{{ ${likely} }}\`?` };
  }
  const [opened, closed] = [text.split("{{").length, text.split("}}").length];
  if (opened === closed) return undefined;
  return { message: "has a {{ without }}, or the other way round", suggestion: "close each {{ with }}" };
}

function plainFault(text: string): Fault | undefined {
  const action = /\{\{-?\s*(?:\.\w|(?:if|range|with|end|else)\b|[^{}]*\|)[^{}]*\}\}/.exec(text)?.[0];
  if (action === undefined) return undefined;
  const message = `${JSON.stringify(action)} stays as it is: without goTemplate only {{ key }} is filled in`;
  return { message, suggestion: "set `spec.goTemplate: true`" };
}

type Placed = readonly [path: string, value: JsonValue];

/** Every text that is rendered, with its place; the keys of maps, too. Without recursion: free-form parts may be deep. */
function textsOf(set: ApplicationSet): [string, string][] {
  const texts: [string, string][] = [];
  const waiting: Placed[] = [
    [path, { metadata: set.template.metadata, spec: set.template.spec }],
    ...set.generators.flatMap((entry): Placed[] => {
      return entry.template ? [[`${entry.path}.template`, entry.template]] : [];
    }),
    ["spec.templatePatch", set.templatePatch],
  ];
  for (const [at, value] of waiting) {
    if (waiting.length > maxTexts) break;
    if (typeof value === "string") texts.push([at, value]);
    if (isJsonObject(value))
      texts.push(
        ...Object.keys(value)
          .filter(isTemplate)
          .map((key): [string, string] => [at, key]),
      );
    for (const inner of childrenOf(at, value)) waiting.push(inner);
  }
  return texts;
}

function childrenOf(at: string, value: JsonValue): Placed[] {
  if (isJsonObject(value)) return Object.entries(value).map(([key, child]) => [`${at}.${key}`, child]);
  return listOf(value).map((item, index) => [`${at}[${index}]`, item]);
}
