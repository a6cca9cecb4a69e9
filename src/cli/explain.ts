import { Command } from "commander";
import type { JsonSchema } from "../base/schema.ts";
import {
  type CodeExplanation,
  explainCode,
  explainField,
  type FieldExplanation,
  fieldsOf,
  requiredOf,
  typeName,
} from "../validate/explain.ts";
import { globalFlags } from "./engine-client.ts";
import { print } from "./output.ts";

/** `tiphys explain PATH|CODE`: a field of a kind, or an error code in capitals; needs no engine. */
export function explainCommand(): Command {
  return new Command("explain")
    .description("A field of a kind, such as sensor.spec.triggers, or an error code in capitals")
    .argument("<path|code>")
    .option("--recursive", "all fields below, without their descriptions", false)
    .action((subject: string, { recursive }: { readonly recursive: boolean }, self: Command) => {
      const flags = globalFlags(self);
      if (/^[A-Z][A-Z0-9_]+$/.test(subject)) print(flags, explainCode(subject), { text: codeText });
      else print(flags, explainField(subject), { text: recursive ? recursiveText : fieldText });
    });
}

function codeText({ code, cause, remedy }: CodeExplanation): string {
  return [`CODE:    ${code}`, `CAUSE:   ${cause}`, `REMEDY:  ${remedy}`].join("\n");
}

/** As `kubectl explain`. */
function fieldText(field: FieldExplanation): string {
  const fields = Object.entries(fieldsOf(field.schema)).sort(byName);
  const required = requiredOf(field.schema);
  const lines = fields.flatMap(([name, schema]) => [
    `  ${name}\t<${typeName(schema)}>${required.includes(name) ? " -required-" : ""}`,
    ...detailsOf(schema).map((line) => `    ${line}`),
    "",
  ]);
  return [...headOf(field), ...(lines.length === 0 ? [] : ["FIELDS:", ...lines])].join("\n");
}

function recursiveText(field: FieldExplanation): string {
  return [...headOf(field), "FIELDS:", ...treeOf(field.schema, "  ")].join("\n");
}

/** Schemas are written by us, and end. */
function treeOf(schema: JsonSchema, indent: string): string[] {
  const required = requiredOf(schema);
  return Object.entries(fieldsOf(schema))
    .sort(byName)
    .flatMap(([name, child]) => [
      `${indent}${name}\t<${typeName(child)}>${required.includes(name) ? " -required-" : ""}`,
      ...treeOf(child, `${indent}  `),
    ]);
}

function headOf({ group, kind, path, schema }: FieldExplanation): string[] {
  const name = path.split(".").at(-1);
  return [
    `GROUP:      ${group}`,
    `KIND:       ${kind}`,
    "VERSION:    v1alpha1",
    "",
    ...(name ? [`FIELD: ${name} <${typeName(schema)}>`, ""] : []),
    "DESCRIPTION:",
    ...detailsOf(schema).map((line) => `    ${line}`),
    "",
  ];
}

function detailsOf({ description, enum: allowed, default: fallback, format, pattern }: JsonSchema): string[] {
  return [
    description ?? "<no description>",
    ...(allowed ? [`enum: ${allowed.map((value) => JSON.stringify(value)).join(", ")}`] : []),
    ...(fallback === undefined ? [] : [`default: ${JSON.stringify(fallback)}`]),
    ...(format === undefined ? [] : [`format: ${format}`]),
    ...(pattern === undefined ? [] : [`pattern: ${pattern}`]),
  ];
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
