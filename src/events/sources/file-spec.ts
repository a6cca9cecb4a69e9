import { objectOf, textOf, warningAt } from "../../api/fields.ts";
import { flagField, requiredText } from "../../api/shared-schemas.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { commonFields } from "./schemas.ts";
import { checkWatchPath, fileOperations, operationsOf, watchPathFields } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Changes of files in a directory (not of those in directories below it).",
  required: ["eventType", "watchPathConfig"],
  properties: {
    eventType: requiredText(`One of ${fileOperations.join(", ")}, or several joined by |.`),
    watchPathConfig: {
      type: "object",
      description: "Which files are watched.",
      required: ["directory"],
      properties: watchPathFields,
    },
    polling: flagField("Looks every 100 ms instead of being told by the system."),
    ...commonFields,
  },
} as const satisfies JsonSchema;

const watchRule: SourceRule = (event, path) =>
  event.watchPathConfig === undefined ? [] : checkWatchPath(objectOf(event.watchPathConfig), `${path}.watchPathConfig`);

const typeRule: SourceRule = (event, path) => {
  const type = textOf(event.eventType);
  const known: readonly string[] = fileOperations;
  if (type === "" || operationsOf(type).every((part) => known.includes(part))) return [];
  return [warningAt(`${path}.eventType`, `"${type}" never comes: it must be one of ${known.join(", ")}`)];
};

const slashRule: SourceRule = (event, path) => {
  const { directory, path: name } = objectOf(event.watchPathConfig);
  if (textOf(name) === "" || textOf(directory).endsWith("/") || textOf(directory) === "") return [];
  const message = `"${textOf(directory)}" must end in /: without it Argo Events finds no file of that path`;
  return [warningAt(`${path}.watchPathConfig.directory`, message)];
};

export type FileSpec = SpecOf<typeof json>;

export const fileSchema = sourceSchema<FileSpec>(json, watchRule, typeRule, slashRule);
