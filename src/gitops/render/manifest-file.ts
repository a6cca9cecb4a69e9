import { isJsonObject, type JsonObject, parseJson } from "../../base/json.ts";
import { decodeText } from "../../base/text-encoding.ts";
import { parseLooseYamlDocuments, YamlError } from "../../base/yaml.ts";
import { parseLfsPointer } from "../source/lfs.ts";
import { RenderError, type RenderedManifest, type SourceFile } from "./render.ts";

/** Lists within lists beyond this are refused. */
const maxListDepth = 10;
/** Of objects and lists in one manifest. */
const maxDepth = 200;

/** The text of a file: UTF-8, or UTF-16 with a byte order mark. @throws RenderError that names the file and the byte */
export function decodeManifestText(content: Buffer, path: string): string {
  checkNoPointer(content, path);
  const decoded = decodeText(content);
  if (decoded.text !== undefined) return withoutMark(decoded.text);
  throw broken(path, undecodable(content, decoded.offset, decoded.before));
}

/**
 * The same for a file that may be something else than manifests, an image for one: that is left out, and undefined.
 * @throws RenderError for one that looks like manifests
 */
export function decodeIfManifest(content: Buffer, path: string): string | undefined {
  checkNoPointer(content, path);
  const decoded = decodeText(content);
  if (decoded.text !== undefined) return withoutMark(decoded.text);
  const { before, offset } = decoded;
  const hasToBeText = /\.json(?:net)?$/.test(path);
  const isLike = looksLikeManifests(content.toString("latin1")) || looksLikeManifests(before);
  if (!hasToBeText && !isLike && !startsWithManifest(before, before.split("\n").length)) return undefined;
  throw broken(path, undecodable(content, offset, before));
}

/** What is wrong with bytes that are no text, and where. */
export function undecodable(content: Buffer, offset: number, before: string): string {
  const [line, column] = [before.split("\n").length, before.length - before.lastIndexOf("\n")];
  const found = content[offset]?.toString(16).padStart(2, "0") ?? "";
  return `byte ${offset} (line ${line}, column ${column}) is 0x${found}, which is no UTF-8: save it as UTF-8, or base64 in binaryData`;
}

/** What Git has in place of a large file is no manifest: left out, its objects would be pruned. */
function checkNoPointer(content: Buffer, path: string): void {
  const pointer = parseLfsPointer(content);
  if (pointer === undefined) return;
  const how = "set enableLfs: 'true' in the repository's Secret";
  throw broken(path, `it is the pointer to an LFS file of ${pointer.bytes} bytes; ${how}`);
}

function withoutMark(text: string): string {
  return text.replace(/^\uFEFF/, "");
}

/** The objects of one file, Lists flattened. @throws RenderError that names file and line */
export function parseFile(file: SourceFile): readonly RenderedManifest[] {
  if (file.path.endsWith(".jsonnet")) return readEvaluated(file);
  return file.path.endsWith(".json") ? readJson(file) : parseYaml(file);
}

/** The objects that a tool wrote as YAML, Lists flattened. @throws RenderError: all of it has to be objects */
export function parseOutput(text: string, tool: string): readonly RenderedManifest[] {
  const documents = readStrictly(text, `output of ${tool}`);
  return documents.flatMap(({ value, line }) => {
    if (value === null) return [];
    const problem = problemOf(value);
    if (problem !== undefined || !isJsonObject(value)) throw broken(`output of ${tool}`, `line ${line}: ${problem}`);
    return flatten(value, `output of ${tool}`, line, 0);
  });
}

function readStrictly(text: string, name: string): ReturnType<typeof parseLooseYamlDocuments> {
  try {
    return parseLooseYamlDocuments(text);
  } catch (error) {
    if (error instanceof YamlError) throw broken(name, error.message, error);
    throw error;
  }
}

/** What a jsonnet file came to: an object, or a list of objects. */
function readEvaluated({ path, text }: SourceFile): readonly RenderedManifest[] {
  const value = parseJson(text);
  checkDepth(value, path);
  return (Array.isArray(value) ? value : [value]).flatMap((one: unknown) => {
    const problem = problemOf(one);
    if (problem !== undefined || !isJsonObject(one)) throw broken(path, problem ?? "");
    return flatten(one, path, 1, 0);
  });
}

function readJson({ path, text }: SourceFile): readonly RenderedManifest[] {
  let value: unknown;
  try {
    value = parseJson(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    throw broken(path, error instanceof Error ? error.message : String(error), error);
  }
  checkDepth(value, path);
  if (isImageManifest(value)) return [];
  const problem = problemOf(value);
  if (problem !== undefined || !isJsonObject(value)) throw broken(path, problem ?? "");
  return flatten(value, path, 1, 0);
}

/** As of YAML: whoever compares what is deeper runs out of stack. */
function checkDepth(value: unknown, path: string): void {
  const waiting: [value: unknown, depth: number][] = [[value, 0]];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [one, depth] = next;
    if (typeof one !== "object" || one === null) continue;
    if (depth >= maxDepth) throw broken(path, `it is nested deeper than ${maxDepth} levels`);
    for (const child of Object.values(one)) waiting.push([child, depth + 1]);
  }
}

/** What stores of OCI images put beside the manifests. */
function isImageManifest(value: unknown): boolean {
  return isJsonObject(value) && value.schemaVersion === 2 && typeof value.kind !== "string";
}

/**
 * The first document that is broken ends the file. It fails the whole source if the file looks like manifests otherwise;
 * else the file is something else and left out.
 */
function parseYaml({ path, text }: SourceFile): readonly RenderedManifest[] {
  const source = text.replace(/^\uFEFF/, "");
  const found: RenderedManifest[] = [];
  for (const { value, line } of readDocuments(path, source)) {
    if (value === null) continue;
    const problem = problemOf(value);
    if (problem === undefined && isJsonObject(value)) {
      for (const manifest of flatten(value, path, line, 0)) found.push(manifest); // too many for arguments, maybe
    } else if (found.length > 0 || looksLikeManifests(source)) throw broken(path, `line ${line}: ${problem}`);
    else return [];
  }
  return found;
}

function readDocuments(path: string, source: string): ReturnType<typeof parseLooseYamlDocuments> {
  try {
    return parseLooseYamlDocuments(source);
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    if (looksLikeManifests(source) || startsWithManifest(source, error.line)) throw broken(path, error.message, error);
    return [];
  }
}

function looksLikeManifests(text: string): boolean {
  return ["apiVersion:", "kind:", "metadata:"].every((word) => text.includes(word));
}

/** Whether a document before the line is an object. */
function startsWithManifest(text: string, line: number): boolean {
  const before = text.split("\n").slice(0, Math.max(line - 1, 0));
  const end = before.findLastIndex((one) => one.startsWith("---"));
  if (end <= 0) return false;
  try {
    return parseLooseYamlDocuments(before.slice(0, end).join("\n")).some(({ value }) => problemOf(value) === undefined);
  } catch {
    // Not readable either: nothing of it counts.
    return false;
  }
}

function problemOf(value: unknown): string | undefined {
  if (!isJsonObject(value)) return `a manifest must be an object, not ${JSON.stringify(value)?.slice(0, 80)}`;
  if (typeof value.kind === "string" && value.kind !== "") return undefined;
  return `Object 'Kind' is missing in '${JSON.stringify(value).slice(0, 80)}'`;
}

function flatten(object: JsonObject, file: string, line: number, depth: number): readonly RenderedManifest[] {
  const { items } = object;
  if (items === null && String(object.kind).endsWith("List")) return [];
  if (!Array.isArray(items)) return [{ object, file, line }];
  if (depth >= maxListDepth) throw broken(file, `line ${line}: Lists are nested deeper than ${maxListDepth}`);
  return items.flatMap((item: unknown, index) => {
    const problem = problemOf(item);
    if (problem !== undefined || !isJsonObject(item)) throw broken(file, `line ${line}: items[${index}]: ${problem}`);
    return flatten(item, file, line, depth + 1);
  });
}

function broken(file: string, what: string, cause?: unknown): RenderError {
  return new RenderError("FailedPrecondition", `Failed to unmarshal ${quote(file)}: ${what}`, cause);
}

function quote(text: string): string {
  return JSON.stringify(text);
}
