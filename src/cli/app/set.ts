import { Command } from "commander";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import { globalFlags } from "../engine-client.ts";
import { requireChange } from "../flag-values.ts";
import { hasSeveralSources, specOf } from "./application.ts";
import { openApplicationsClient, parseAppName } from "./applications-client.ts";
import { addSwitch, collected, parseCount } from "./options.ts";
import { addSourceFlags, type SourceFlags } from "./source-flags.ts";
import { changedSource, changedSpec, imageName } from "./spec-changes.ts";

interface PositionFlags {
  /** From 1. */
  readonly sourcePosition?: number;
  readonly sourceName?: string;
  readonly appNamespace?: string;
  readonly validate?: boolean;
}

/** What only says where to change something, and how. */
const places = ["sourcePosition", "sourceName", "appNamespace", "validate"];

type SetFlags = SourceFlags & PositionFlags;

/** `tiphys app set APPNAME` */
export function setCommand(): Command {
  const command = new Command("set")
    .description("Changes what the flags name, and nothing else")
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .option("--source-position <n>", "of several sources, from 1", parseCount)
    .option("-N, --app-namespace <namespace>", "the Application's namespace");
  return addSourceFlags(command).action(async (text: string, flags: SetFlags, self: Command) => {
    requireChange(self, places);
    const change = (source: JsonObject) => changedSource(source, flags);
    await update(text, flags, self, (spec) => withSource(changedSpec(spec, flags), flags, change));
  });
}

interface UnsetFlags extends PositionFlags {
  readonly values: readonly string[];
  readonly parameter: readonly string[];
  readonly kustomizeImage: readonly string[];
  readonly kustomizeReplica: readonly string[];
  readonly pluginEnv: readonly string[];
  readonly valuesLiteral?: true;
  readonly nameprefix?: true;
  readonly namesuffix?: true;
  readonly kustomizeVersion?: true;
  readonly kustomizeNamespace?: true;
  readonly passCredentials?: true;
  readonly ignoreMissingValueFiles?: true;
  readonly ignoreMissingComponents?: true;
  readonly ref?: true;
}

/** `tiphys app unset APPNAME` */
export function unsetCommand(): Command {
  const command = new Command("unset")
    .description("Takes away what the flags name")
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .option("--source-position <n>", "of several sources, from 1", parseCount)
    .option("--source-name <name>", "of several sources")
    .option("-N, --app-namespace <namespace>", "the Application's namespace");
  for (const flag of [
    "--values <file>",
    "-p, --parameter <name>",
    "--kustomize-image <image>",
    "--kustomize-replica <name>",
    "--plugin-env <name>",
  ]) {
    command.option(flag, "may be repeated", collected, []);
  }
  const flags = [
    "values-literal",
    "nameprefix",
    "namesuffix",
    "kustomize-version",
    "kustomize-namespace",
    "pass-credentials",
  ];
  for (const flag of [...flags, "ignore-missing-value-files", "ignore-missing-components", "ref"])
    command.option(`--${flag}`);
  addSwitch(command, "validate", "see whether it can work");
  return command.action(async (text: string, given: UnsetFlags, self: Command) => {
    requireChange(self, places);
    await update(text, given, self, (spec) => withSource(spec, given, (source) => unsetIn(source, given)));
  });
}

/** Reads the Application, and writes its spec if that changed. */
async function update(text: string, flags: PositionFlags, self: Command, change: (spec: JsonObject) => JsonObject) {
  const client = openApplicationsClient(globalFlags(self));
  const found = await client.get(parseAppName(text, flags.appNamespace));
  const { name = "", namespace = "" } = found.metadata;
  const before = specOf(found);
  const after = change(before);
  if (JSON.stringify(before) === JSON.stringify(after)) return;
  await client.updateSpec({ name, namespace }, after, flags.validate !== false);
}

/** The spec with one of its sources changed. @throws EngineError USAGE when it is not said which of several */
export function withSource(
  spec: JsonObject,
  flags: PositionFlags,
  change: (source: JsonObject) => JsonObject,
): JsonObject {
  const sources = listOf(spec.sources).map(objectOf);
  if (!hasSeveralSources({ apiVersion: "", kind: "", metadata: {}, spec })) {
    if (spec.source === undefined && sources.length === 0)
      return isEmpty(change({})) ? spec : { ...spec, source: change({}) };
    return { ...spec, source: change(objectOf(spec.source)) };
  }
  const index = positionOf(sources, flags);
  return { ...spec, sources: sources.map((source, at) => (at === index ? change(source) : source)) };
}

export function positionOf(sources: readonly JsonObject[], { sourcePosition, sourceName }: PositionFlags): number {
  if (sourcePosition !== undefined) {
    if (sourcePosition >= 1 && sourcePosition <= sources.length) return sourcePosition - 1;
    throw new EngineError("USAGE", `--source-position: "${sourcePosition}" must be between 1 and ${sources.length}`);
  }
  const found = sources.findIndex(({ name }) => textOf(name) === sourceName);
  if (sourceName !== undefined && found >= 0) return found;
  if (sourceName !== undefined) throw new EngineError("USAGE", `--source-name: there is no source "${sourceName}"`);
  throw new EngineError("USAGE", "the Application has several sources: give --source-position or --source-name");
}

function unsetIn(source: JsonObject, flags: UnsetFlags): JsonObject {
  const helm = without(objectOf(source.helm), [
    flags.valuesLiteral && "values",
    flags.valuesLiteral && "valuesObject",
    flags.passCredentials && "passCredentials",
    flags.ignoreMissingValueFiles && "ignoreMissingValueFiles",
  ]);
  const kustomize = without(objectOf(source.kustomize), [
    flags.nameprefix && "namePrefix",
    flags.namesuffix && "nameSuffix",
    flags.kustomizeVersion && "version",
    flags.kustomizeNamespace && "namespace",
    flags.ignoreMissingComponents && "ignoreMissingComponents",
  ]);
  const images = new Set(flags.kustomizeImage.map(imageName));
  const isNamed = (names: readonly string[]) => (item: JsonValue) => names.includes(textOf(objectOf(item).name));
  return {
    ...without(source, [flags.ref && "ref"]),
    ...part("helm", source, {
      ...helm,
      ...filtered("valueFiles", helm, (item) => flags.values.includes(textOf(item))),
      ...filtered("parameters", helm, isNamed(flags.parameter)),
    }),
    ...part("kustomize", source, {
      ...kustomize,
      ...filtered("images", kustomize, (item) => images.has(imageName(textOf(item)))),
      ...filtered("replicas", kustomize, isNamed(flags.kustomizeReplica)),
    }),
    ...part("plugin", source, {
      ...objectOf(source.plugin),
      ...filtered("env", objectOf(source.plugin), isNamed(flags.pluginEnv)),
    }),
  };
}

function part(name: string, source: JsonObject, value: JsonObject): JsonObject {
  return source[name] === undefined ? {} : { [name]: value };
}

function filtered(name: string, object: JsonObject, isGone: (item: JsonValue) => boolean): JsonObject {
  const list = object[name];
  return Array.isArray(list) ? { [name]: list.filter((item: JsonValue) => !isGone(item)) } : {};
}

function without(object: JsonObject, names: readonly (string | false | undefined)[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
}

function isEmpty(object: JsonObject): boolean {
  return Object.keys(object).length === 0;
}
