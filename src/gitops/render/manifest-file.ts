import { isJsonObject, type JsonObject, parseJson } from "../../base/json.ts";
import { parseYamlDocuments, YamlError } from "../../base/yaml.ts";
import { RenderError, type RenderedManifest, type SourceFile } from "./render.ts";

/** Lists within lists beyond this are refused. */
const maxListDepth = 10;

/** The text of a file's bytes: UTF-8, or UTF-16 with a byte order mark. Bytes that are no text become U+FFFD. */
export function decodeManifestText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  return new TextDecoder("utf-8").decode(bytes);
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

function readStrictly(text: string, name: string): ReturnType<typeof parseYamlDocuments> {
  try {
    return parseYamlDocuments(text);
  } catch (error) {
    if (error instanceof YamlError) throw broken(name, error.message, error);
    throw error;
  }
}

/** What a jsonnet file came to: an object, or a list of objects. */
function readEvaluated({ path, text }: SourceFile): readonly RenderedManifest[] {
  const value = parseJson(text);
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
  if (isImageManifest(value)) return [];
  const problem = problemOf(value);
  if (problem !== undefined || !isJsonObject(value)) throw broken(path, problem ?? "");
  return flatten(value, path, 1, 0);
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
    if (problem === undefined && isJsonObject(value)) found.push(...flatten(value, path, line, 0));
    else if (found.length > 0 || looksLikeManifests(source)) throw broken(path, `line ${line}: ${problem}`);
    else return [];
  }
  return found;
}

function readDocuments(path: string, source: string): ReturnType<typeof parseYamlDocuments> {
  try {
    return parseYamlDocuments(source);
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
    return parseYamlDocuments(before.slice(0, end).join("\n")).some(({ value }) => problemOf(value) === undefined);
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
