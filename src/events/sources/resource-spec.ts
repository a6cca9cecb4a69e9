import { errorAt, listOf, objectOf, textOf, warningAt } from "../../api/fields.ts";
import { flagField, listField, requiredText, textField, textList } from "../../api/shared-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { expressionField, metadataSchema } from "./schemas.ts";
import { ownFilterRule, unknownItems } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";

const labelOperations: readonly string[] = ["=", "==", "!=", "in", "notin", "exists", "!", "gt", "lt"];
const fieldOperations: readonly string[] = ["=", "==", "!="];

function selectorField(description: string, key: string, operation: string) {
  return listField(description, {
    type: "object",
    properties: {
      key: textField(key),
      operation: textField(operation),
      value: textField("What is compared with."),
    },
  } as const satisfies JsonSchema);
}

const json = {
  type: "object",
  description: "Changes of objects in the cluster.",
  required: ["version", "resource", "eventTypes"],
  properties: {
    namespace: textField("Where the objects are; empty is everywhere."),
    group: textField("The API group; empty for core."),
    version: requiredText("The API version, such as v1."),
    resource: requiredText("The resource's plural, such as pods."),
    eventTypes: textList("ADD, UPDATE and DELETE; what is there already is an ADD."),
    filter: {
      type: "object",
      description: "Which objects count.",
      properties: {
        prefix: textField("What the object's name begins with."),
        labels: selectorField("Labels.", "The label.", `One of ${labelOperations.join(" ")}; = when not given.`),
        fields: selectorField(
          "Fields, with a regular expression as value.",
          "A path, such as status.phase.",
          "= or == or !=; == when not given, though Argo Events refuses every event then.",
        ),
        createdBy: { type: "string", format: "date-time", description: "Only objects created until then." },
        afterStart: flagField("Only what happens after the source began for the first time."),
        expression: expressionField,
      },
    },
    changedPaths: flagField("Of ours: an UPDATE names the paths that differ, as `changed`."),
    metadata: metadataSchema,
  },
} as const satisfies JsonSchema;

const typesRule: SourceRule = (event, path) =>
  unknownItems(event.eventTypes, ["ADD", "UPDATE", "DELETE"], `${path}.eventTypes`);

const timeRule: SourceRule = (event, path) => {
  const createdBy = textOf(objectOf(event.filter).createdBy);
  if (createdBy === "" || /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[-+]\d\d:\d\d)$/.test(createdBy)) return [];
  return [errorAt(`${path}.filter.createdBy`, `"${createdBy}" must be a time such as 2006-01-02T15:04:05Z`)];
};

const operationsRule: SourceRule = (event, path) => {
  const filter = objectOf(event.filter);
  return [
    ...checkOperations(listOf(filter.labels), labelOperations, `${path}.filter.labels`),
    ...checkOperations(listOf(filter.fields), fieldOperations, `${path}.filter.fields`),
    ...listOf(filter.fields).flatMap((selector, index) =>
      textOf(objectOf(selector).operation) === ""
        ? [warningAt(`${path}.filter.fields[${index}].operation`, "is missing: Argo Events refuses every event then")]
        : [],
    ),
  ];
};

function checkOperations(selectors: ReturnType<typeof listOf>, known: readonly string[], path: string) {
  return selectors.flatMap((selector, index) => {
    const { key, operation: written } = objectOf(selector);
    const operation = textOf(written);
    const keyless = textOf(key) === "" ? [warningAt(`${path}[${index}].key`, "is missing: nothing can match")] : [];
    if (operation === "" || known.includes(operation)) return keyless;
    return [...keyless, warningAt(`${path}[${index}].operation`, `"${operation}" must be one of ${known.join(" ")}`)];
  });
}

export type ResourceSpec = SpecOf<typeof json>;

export const resourceSchema = sourceSchema<ResourceSpec>(json, typesRule, timeRule, operationsRule, ownFilterRule);
