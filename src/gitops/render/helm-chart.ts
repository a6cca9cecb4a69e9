import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { messageOf } from "../../base/errors.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import { parseLooseYamlDocuments } from "../../base/yaml.ts";
import type { TreeEntry } from "../source/source.ts";
import type { Inputs } from "./inputs.ts";
import { RenderError } from "./render.ts";
import { normalPath, type TreeReader } from "./tree-reader.ts";

/** What a chart's files say about how it can be rendered. */
export interface ChartFacts {
  /** Calls functions whose results differ from run to run, or that look at the cluster. */
  readonly isVolatile: boolean;
  /** Looks at the cluster's versions. */
  readonly usesVersions: boolean;
  /** Some of its dependencies are not in `charts/`. */
  readonly lacksDependencies: boolean;
  /** Repositories of those dependencies that are not folders. */
  readonly repositories: readonly string[];
}

/** A template may hand any text to `tpl`: values, files of the chart. */
interface TplFacts {
  readonly usesTpl: boolean;
  /** What would hold if all files were templates. */
  readonly asTemplates: Pick<ChartFacts, "isVolatile" | "usesVersions">;
}

const inflate = promisify(gunzip);
const maxCharts = 100;
/** Of all that one chart holds, archives unpacked. What is beyond it is not looked into. */
const maxSearchedBytes = 16 * 1024 * 1024;
const maxMetadataBytes = 1024 * 1024;
/** Stands for what cannot be looked into: it may call anything. */
const anything = "{{ now }}{{ .Capabilities }}{{ tpl }}";

/**
 * Adds the chart and the folders that it depends on by `file://`, and reads what they say.
 * A chart within an archive counts as one file whose text is searched.
 */
export async function readChart(path: string, inputs: Inputs): Promise<ChartFacts> {
  const facts: (ChartFacts & TplFacts)[] = [];
  const waiting = [path];
  const seen = new Set<string>();
  for (let next = waiting.pop(); next !== undefined && seen.size < maxCharts; next = waiting.pop()) {
    const found = await inputs.add(next);
    if (found?.kind !== "folder" || seen.has(found.path)) continue;
    seen.add(found.path);
    const one = await readOne(found.path, inputs);
    facts.push(one.facts);
    waiting.push(...one.folders);
  }
  const isTpl = facts.some(({ usesTpl }) => usesTpl);
  return {
    isVolatile: facts.some(({ isVolatile, asTemplates }) => isVolatile || (isTpl && asTemplates.isVolatile)),
    usesVersions: facts.some(({ usesVersions, asTemplates }) => usesVersions || (isTpl && asTemplates.usesVersions)),
    lacksDependencies: facts.some(({ lacksDependencies }) => lacksDependencies),
    repositories: [...new Set(facts.flatMap(({ repositories }) => repositories))],
  };
}

interface ChartText {
  readonly path: string;
  readonly role: Role;
  readonly text: string;
}

async function textsIn(path: string, entries: readonly TreeEntry[], main: TreeReader): Promise<readonly ChartText[]> {
  const contents = await main.contents(entries);
  const prefix = path === "" ? "" : `${path}/`;
  const found: ChartText[] = [];
  let left = maxSearchedBytes;
  for (const entry of entries) {
    const role = roleOf(entry.path.slice(prefix.length));
    const content = contents.get(entry.path) ?? Buffer.alloc(0);
    const isSaid = role === "metadata" || role === "lock";
    const text = isSaid ? metadataIn(content, entry.path) : await textOf(entry, content, left);
    left -= text === anything ? left : text.length;
    found.push({ path: entry.path, role, text });
  }
  return found;
}

async function readOne(path: string, { main }: Inputs) {
  const entries = (await main.list(path)).filter(({ kind }) => kind === "file" || kind === "executable");
  const found = await textsIn(path, entries, main);
  const of = (wanted: Role): readonly ChartText[] => found.filter(({ role }) => role === wanted);
  const said = found.filter(({ role }) => role !== "template" && role !== "other");
  const asksVersion = said.some(({ text }) => /^kubeVersion:/m.test(text));
  const texts = [...of("template").map(({ text }) => text), ...(asksVersion ? ["{{ .Capabilities }}"] : [])];
  const others = found.filter(({ role }) => role !== "template").map(({ text }) => text);
  const [metadata, locked] = [of("metadata"), of("lock")].map((all) =>
    all.flatMap((one) => objectsIn(one.text, one.path)),
  );
  const prefix = path === "" ? "" : `${path}/`;
  const missing = dependenciesOf(metadata ?? []).filter(({ name }) => !isVendored(name, entries, prefix));
  const called = callsIn(texts);
  const remote = missing.filter(({ repository }) => !repository.startsWith("file://") && repository !== "");
  return {
    // Helm builds what a lock names, which may be something else.
    folders: [...missing, ...dependenciesOf(locked ?? [])].flatMap(({ repository }) => folderOf(path, repository)),
    facts: {
      ...called,
      lacksDependencies: missing.length > 0,
      repositories: remote.map(({ repository }) => repository),
      asTemplates: callsIn(others),
    },
  };
}

type Role = "template" | "metadata" | "lock" | "inner metadata" | "other";

/** What a chart's file is for. The metadata of charts within it may ask for a version, no more. */
function roleOf(name: string): Role {
  if (/(^|\/)templates\/|\.tgz$/.test(name)) return "template";
  if (name === "Chart.yaml" || name === "requirements.yaml") return "metadata";
  if (name === "Chart.lock" || name === "requirements.lock") return "lock";
  return name.endsWith("/Chart.yaml") ? "inner metadata" : "other";
}

/** The folder that a `file://` names. @throws RenderError for one out of the repository, which Helm would take */
function folderOf(chart: string, repository: string): readonly string[] {
  if (!repository.startsWith("file://")) return [];
  const written = repository.slice("file://".length);
  const leaving = new RenderError(
    "Unknown",
    `the dependency ${JSON.stringify(repository)} leads out of the repository`,
  );
  if (written.startsWith("/")) throw leaving;
  try {
    return [normalPath(`${chart}/${written}`)];
  } catch {
    throw leaving;
  }
}

async function textOf({ path }: TreeEntry, content: Buffer, maxBytes: number): Promise<string> {
  if (content.length > maxBytes) return anything;
  if (!path.endsWith(".tgz")) return content.toString("utf8");
  const opened = await inflate(content, { maxOutputLength: Math.max(maxBytes, 1) }).catch(() => undefined);
  return opened?.toString("latin1") ?? anything;
}

/** @throws RenderError for one that is too large to be one */
function metadataIn(content: Buffer, path: string): string {
  if (content.length <= maxMetadataBytes) return content.toString("utf8");
  throw new RenderError("Unknown", `${path}: it has ${content.length} bytes, ${maxMetadataBytes} are allowed`);
}

/** @throws RenderError: what cannot be looked at could name any folder of the machine */
function objectsIn(text: string, path: string): readonly JsonObject[] {
  try {
    return parseLooseYamlDocuments(text).flatMap(({ value }) => (isJsonObject(value) ? [value] : []));
  } catch (error) {
    throw new RenderError("Unknown", `${path}: ${messageOf(error)}`, error);
  }
}

function dependenciesOf(metadata: readonly JsonObject[]) {
  const all = metadata.flatMap(({ dependencies }) => (Array.isArray(dependencies) ? dependencies : []));
  return all.filter(isJsonObject).map(({ name, repository }) => ({
    name: typeof name === "string" ? name : "",
    repository: typeof repository === "string" ? repository : "",
  }));
}

function isVendored(name: string, entries: readonly TreeEntry[], prefix: string): boolean {
  const folder = `${prefix}charts/${name}`;
  return entries.some(({ path }) => path === `${folder}/Chart.yaml` || isArchiveOf(path, folder));
}

function isArchiveOf(path: string, folder: string): boolean {
  return path.startsWith(`${folder}-`) && /^-v?\d.*\.tgz$/.test(path.slice(folder.length));
}

const volatileCall =
  /(?<![.\w$-])(lookup|now|ago|rand(Alpha|AlphaNum|Ascii|Numeric|Int|Bytes)|shuffle|uuidv4|gen(PrivateKey|CA|CAWithKey|SelfSignedCert|SelfSignedCertWithKey|SignedCert|SignedCertWithKey)|bcrypt|htpasswd|encryptAES|getHostByName)(?![\w-])/;

/** Whether an action of a template, comments and texts in it left out, calls one of the functions. */
export function callsVolatile(text: string): boolean {
  return callsIn([text]).isVolatile;
}

/** What the actions of templates call; they are gone through once, for there may be millions. */
function callsIn(texts: readonly string[]): Pick<ChartFacts & TplFacts, "isVolatile" | "usesVersions" | "usesTpl"> {
  const found = { isVolatile: false, usesVersions: false, usesTpl: false };
  for (const text of texts) {
    for (const action of actionsIn(text)) {
      found.isVolatile ||= volatileCall.test(action);
      found.usesVersions ||= action.includes("Capabilities");
      found.usesTpl ||= /\btpl\b/.test(action);
    }
  }
  return found;
}

/** The code of all `{{…}}`, without texts and comments. Linear in the text, whatever it holds. */
function* actionsIn(text: string): Generator<string> {
  for (let start = text.indexOf("{{"); start >= 0; ) {
    const end = text.indexOf("}}", start);
    if (end < 0) return;
    yield codeOf(text.slice(start + 2, end));
    start = text.indexOf("{{", end);
  }
}

function codeOf(action: string): string {
  if (!/["`]|\/\*/.test(action)) return action;
  let code = "";
  for (let at = 0; at < action.length; ) {
    const opening = ['"', "`", "/*"].find((one) => action.startsWith(one, at));
    if (opening === undefined) {
      code += action[at];
      at += 1;
      continue;
    }
    const closing = endOf(action, at + opening.length, opening);
    if (closing < 0) break;
    code += " ";
    at = closing;
  }
  return code;
}

/** Behind what closes a text or a comment; -1 when nothing does. */
function endOf(action: string, from: number, opening: string): number {
  if (opening === "/*") return behind(action.indexOf("*/", from), 2);
  if (opening === "`") return behind(action.indexOf("`", from), 1);
  for (let at = from; at < action.length; at++) {
    if (action[at] === "\\") at += 1;
    else if (action[at] === '"') return at + 1;
  }
  return -1;
}

function behind(index: number, length: number): number {
  return index < 0 ? -1 : index + length;
}
