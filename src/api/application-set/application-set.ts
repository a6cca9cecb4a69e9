import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { createSchema, type Problem } from "../../base/schema.ts";
import { annotationProblems, applicationFinalizers, finalizerProblems } from "../application-metadata-rules.ts";
import { type Parsed, readEnvelope, warningsOf } from "../envelope.ts";
import { listOf, objectOf, readFields, textOf, warningAt } from "../fields.ts";
import { suggestPlaces } from "../misplaced-keys.ts";
import { generatorProblems, generatorsOf, matchExpressionsOf } from "./application-set-generators.ts";
import { misplacedInApplicationSet } from "./application-set-misplaced.ts";
import { applicationSetSchema } from "./application-set-schema.ts";
import { strategyProblems } from "./application-set-strategy-rules.ts";
import { templateProblems } from "./application-set-template-rules.ts";
import type {
  ApplicationIgnoreRule,
  ApplicationSet,
  ApplicationSetSpec,
  ApplicationsSync,
  RolloutStep,
  RolloutStrategy,
} from "./application-set-types.ts";

const shape = createSchema<JsonObject>(applicationSetSchema);

/**
 * An ApplicationSet as the original's CRD accepts it; unknown fields are kept and warned about. What only makes a
 * condition there when it is used is a warning here.
 * @throws TerminalError MANIFEST_INVALID with every problem at once
 */
export function parseApplicationSet(value: unknown): Parsed<ApplicationSet> {
  const problems: Problem[] = [];
  const { metadata, spec: written } = readEnvelope(value, "ApplicationSet", problems);
  const top = isJsonObject(value) ? value : {};
  const spec = objectOf(readFields(written, applicationSetSchema, "spec", problems));
  problems.push(...shape.check(spec, "spec").map(suggestPatch));
  const meta = objectOf(top.metadata);
  const policy = objectOf(spec.syncPolicy);
  const preserved = objectOf(spec.preservedFields);
  const template = objectOf(spec.template);
  const resource: ApplicationSet = {
    metadata,
    finalizers: textsOf(meta.finalizers),
    deletedAt: textOf(meta.deletionTimestamp),
    goTemplate: spec.goTemplate === true,
    goTemplateOptions: textsOf(spec.goTemplateOptions),
    generators: generatorsOf(spec.generators, "spec.generators"),
    template: { metadata: objectOf(template.metadata), spec: objectOf(template.spec) },
    templatePatch: textOf(spec.templatePatch),
    preserveResourcesOnDeletion: policy.preserveResourcesOnDeletion === true,
    // The schema has checked that it is one of them.
    ...(typeof policy.applicationsSync === "string"
      ? { applicationsSync: policy.applicationsSync as ApplicationsSync }
      : {}),
    strategy: strategyOf(objectOf(spec.strategy)),
    preservedFields: { annotations: textsOf(preserved.annotations), labels: textsOf(preserved.labels) },
    ignoreApplicationDifferences: listOf(spec.ignoreApplicationDifferences).map((rule) => ignoreRuleOf(objectOf(rule))),
    // Whatever is not so is among the problems, with which nothing is returned.
    spec: spec as unknown as ApplicationSetSpec,
    status: objectOf(top.status),
  };
  problems.push(...generatorProblems(resource), ...templateProblems(resource), ...strategyProblems(spec));
  problems.push(...ignoreProblems(resource), ...finalizerProblems(meta, applicationFinalizers.slice(0, 1)));
  problems.push(...annotationProblems(objectOf(meta.annotations)));
  return { resource, warnings: warningsOf(suggestPlaces(problems, misplacedInApplicationSet)) };
}

/** Only text can be templated: the original's CRD refuses `prune: "{{ prune }}"`. */
function suggestPatch(problem: Problem): Problem {
  const isTemplated = problem.path.startsWith("spec.template.") && problem.message.startsWith('"{{');
  return isTemplated ? { ...problem, suggestion: "only text has parameters in it; use `spec.templatePatch`" } : problem;
}

function strategyOf(raw: JsonObject): RolloutStrategy {
  const isRolling = raw.type === "RollingSync";
  return {
    type: isRolling ? "RollingSync" : "AllAtOnce",
    steps: isRolling ? listOf(objectOf(raw.rollingSync).steps).map((step) => stepOf(objectOf(step))) : [],
    deletesInReverse: isRolling && textOf(raw.deletionOrder).toLowerCase() === "reverse",
  };
}

function stepOf(raw: JsonObject): RolloutStep {
  const { maxUpdate } = raw;
  const hasMax = typeof maxUpdate === "number" || typeof maxUpdate === "string";
  return { matchExpressions: matchExpressionsOf(raw.matchExpressions), ...(hasMax ? { maxUpdate } : {}) };
}

function ignoreRuleOf(raw: JsonObject): ApplicationIgnoreRule {
  const name = textOf(raw.name);
  return {
    ...(name === "" ? {} : { name }),
    jsonPointers: textsOf(raw.jsonPointers),
    jqPathExpressions: textsOf(raw.jqPathExpressions),
  };
}

function ignoreProblems({ ignoreApplicationDifferences, spec }: ApplicationSet): Problem[] {
  const problems = ignoreApplicationDifferences.flatMap((rule, index) => {
    const path = `spec.ignoreApplicationDifferences[${index}]`;
    if (rule.jqPathExpressions.length > 0) return [warningAt(`${path}.jqPathExpressions`, "is not supported yet")];
    if (rule.jsonPointers.length > 0) return [];
    return [warningAt(path, "names no field, it has no effect: give jsonPointers, jqPathExpressions")];
  });
  if (spec.applyNestedSelectors !== false) return problems;
  return [...problems, warningAt("spec.applyNestedSelectors", "has no effect: selectors of nested generators count")];
}

function textsOf(value: JsonValue | undefined): readonly string[] {
  return listOf(value).filter((item) => typeof item === "string");
}
