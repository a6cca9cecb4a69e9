import { readFileSync } from "node:fs";
import { Command } from "commander";
import { objectOf, textOf } from "../../api/fields.ts";
import { argoApiVersion } from "../../api/resources.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import { parseYaml } from "../../base/yaml.ts";
import type { KubeObject } from "../../objects/object.ts";
import { globalFlags } from "../engine-client.ts";
import { type ApplicationsClient, openApplicationsClient, parseAppName } from "./applications-client.ts";
import { collected } from "./options.ts";
import { addSourceFlags, type SourceFlags } from "./source-flags.ts";
import { changedSource, changedSpec } from "./spec-changes.ts";

interface CreateFlags extends SourceFlags {
  readonly file?: string;
  readonly name?: string;
  readonly label: readonly string[];
  readonly annotations: readonly string[];
  readonly setFinalizer?: true;
  readonly upsert?: true;
  readonly appNamespace?: string;
  readonly validate?: boolean;
}

/** `tiphys app create [APPNAME]` */
export function createCommand(): Command {
  const command = new Command("create")
    .description("Makes an Application, of flags or of a file")
    .argument("[appname]", "NAME or NAMESPACE/NAME")
    .option("-f, --file <file>", "a file of Applications; - for standard input")
    .option("--name <name>", "instead of APPNAME")
    .option("-l, --label <key=value>", "a label; may be repeated", collected, [])
    .option("--annotations <key=value>", "an annotation; may be repeated", collected, [])
    .option("--set-finalizer", "its objects go when it is deleted")
    .option("--upsert", "change it when it is there with another spec")
    .option("-N, --app-namespace <namespace>", "the Application's namespace");
  return addSourceFlags(command).action(async (name: string | undefined, flags: CreateFlags, self: Command) => {
    const client = openApplicationsClient(globalFlags(self));
    const objects = flags.file === undefined ? [{}] : readObjects(flags.file);
    for (const object of objects) {
      await createOne(client, objectFor(object, objects.length === 1 ? (name ?? flags.name) : undefined, flags), flags);
    }
  });
}

function readObjects(file: string): readonly JsonObject[] {
  const text = readText(file);
  const documents = parseYaml(text).filter(isJsonObject);
  if (documents.length === 0) throw new EngineError("MANIFEST_UNREADABLE", `--file: "${file}" holds no object`);
  const others = documents.filter(({ kind }) => kind !== "Application");
  if (others.length === 0) return documents;
  const kinds = others.map(({ kind }) => `"${textOf(kind)}"`).join(", ");
  throw new EngineError("USAGE", `--file: "${file}" must hold Applications only, not ${kinds}`);
}

function readText(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new EngineError("MANIFEST_UNREADABLE", `--file: "${file}": ${messageOf(error)}`, error);
  }
}

/** The flags go on top of what the file says. */
function objectFor(object: JsonObject, name: string | undefined, flags: CreateFlags): JsonObject {
  const metadata = objectOf(object.metadata);
  const written = textOf(metadata.name);
  const text = name ?? written;
  if (text === "") throw new EngineError("USAGE", "give an APPNAME, or a file that names the Application");
  const app = parseAppName(text, flags.appNamespace);
  if (name !== undefined && written !== "" && written !== app.name) {
    throw new EngineError("USAGE", `app name '${app.name}' does not match app spec metadata.name '${written}'`);
  }
  const spec = changedSpec(objectOf(object.spec), flags);
  const source = changedSource(objectOf(spec.source), flags);
  const finalizers = flags.setFinalizer ? { finalizers: ["resources-finalizer.argocd.argoproj.io"] } : {};
  return {
    ...object,
    apiVersion: argoApiVersion,
    kind: "Application",
    metadata: {
      ...metadata,
      name: app.name,
      ...(app.namespace === undefined ? {} : { namespace: app.namespace }),
      ...pairs("labels", metadata.labels, flags.label),
      ...pairs("annotations", metadata.annotations, flags.annotations),
      ...finalizers,
    },
    spec: {
      project: "default",
      ...spec,
      ...(Object.keys(source).length === 0 ? {} : { source }),
    },
  };
}

function pairs(field: string, before: unknown, texts: readonly string[]): JsonObject {
  if (texts.length === 0) return {};
  const entries = texts.map((text) => {
    const at = text.indexOf("=");
    if (at <= 0) throw new EngineError("USAGE", `"${text}" must be KEY=VALUE`);
    return [text.slice(0, at), text.slice(at + 1)];
  });
  return { [field]: { ...(isJsonObject(before) ? before : {}), ...Object.fromEntries(entries) } };
}

async function createOne(client: ApplicationsClient, object: JsonObject, flags: CreateFlags): Promise<void> {
  const { name, namespace } = objectOf(object.metadata);
  const app = { name: textOf(name), ...(textOf(namespace) === "" ? {} : { namespace: textOf(namespace) }) };
  const before = await findOne(client, app);
  const options = { upsert: flags.upsert === true, validate: flags.validate !== false };
  const after = await client.create(object, options);
  const isUnchanged = before?.metadata.resourceVersion === after.metadata.resourceVersion;
  const word = before === undefined ? "created" : isUnchanged ? "unchanged" : "updated";
  process.stdout.write(`application '${after.metadata.name}' ${word}\n`);
}

/** Undefined when there is none. */
async function findOne(
  client: ApplicationsClient,
  app: { name: string; namespace?: string },
): Promise<KubeObject | undefined> {
  try {
    return await client.get({ namespace: "argocd", ...app });
  } catch (error) {
    if (error instanceof EngineError && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
}
