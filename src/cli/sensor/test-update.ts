import { isDeepStrictEqual } from "node:util";
import { placeManifests } from "../../api/manifest.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { formatYaml } from "../../base/yaml.ts";

/** A new `expect` for one case of one document. */
export interface Expectation {
  /** Which of the file's objects. */
  readonly document: number;
  readonly caseIndex: number;
  readonly expect: readonly JsonObject[];
}

/**
 * The text with each `expect` replaced and everything else, comments too, as it was. Undefined where that cannot be done in
 * place: what comes out is read again, and must be what was meant.
 */
export function withExpectations(text: string, updates: readonly Expectation[]): string | undefined {
  const manifests = placeManifests(text, "");
  const lines = text.split("\n");
  const edits = updates.map(({ document, caseIndex, expect }) => {
    const at = `cases[${caseIndex}]`;
    const manifest = manifests[document];
    const one = manifest && caseOf(manifest.object, caseIndex);
    if (!manifest || !one) return undefined;
    const isThere = one.expect !== undefined;
    const place = manifest.placeOf(`${at}.${isThere ? "expect" : (Object.keys(one)[0] ?? "name")}`);
    const isFlow = charAt(lines, manifest.placeOf(at)) === "{";
    return { place, expect, isThere, isFlow };
  });
  // From the end on, so that the places before it hold.
  for (const edit of edits.toSorted((a, b) => (b?.place.line ?? 0) - (a?.place.line ?? 0))) {
    if (!edit || edit.isFlow) return undefined;
    if (edit.isThere) replaceBlock(lines, edit.place, edit.expect);
    else insertBlock(lines, edit.place, edit.expect);
  }
  const result = lines.join("\n");
  return isAsMeant(
    result,
    manifests.map(({ object }) => object),
    updates,
  )
    ? result
    : undefined;
}

interface Place {
  readonly line: number;
  readonly column: number;
}

function charAt(lines: readonly string[], { line, column }: Place): string | undefined {
  return lines[line - 1]?.[column - 1];
}

function caseOf(object: JsonObject, index: number): JsonObject | undefined {
  const one = Array.isArray(object.cases) ? object.cases[index] : undefined;
  return isJsonObject(one) ? one : undefined;
}

/** From the key to the end of its value: everything that is indented deeper, and a list at the key's own depth. */
function replaceBlock(lines: string[], { line, column }: Place, expect: readonly JsonObject[]): void {
  const indent = column - 1;
  const end = endOf(lines, line, (own, text) => own > indent || (own === indent && text.startsWith("- ")));
  const before = lines[line - 1]?.slice(0, indent) ?? "";
  lines.splice(line - 1, end - line + 1, ...blockOf(expect, before, indent));
}

/** At the end of the case whose first key stands there. */
function insertBlock(lines: string[], { line, column }: Place, expect: readonly JsonObject[]): void {
  const indent = column - 1;
  const end = endOf(lines, line, (own) => own >= indent);
  lines.splice(end, 0, ...blockOf(expect, " ".repeat(indent), indent));
}

/** The last line (from 1) of what begins at `first`, without the blank lines and comments behind it. */
function endOf(lines: readonly string[], first: number, belongs: (indent: number, text: string) => boolean): number {
  let end = first;
  for (let index = first; index < lines.length; index++) {
    const text = lines[index] ?? "";
    const inner = text.trim();
    if (inner === "" || inner.startsWith("#")) continue;
    if (inner === "---" || inner === "..." || !belongs(text.length - text.trimStart().length, inner)) break;
    end = index + 1;
  }
  return end;
}

function blockOf(expect: readonly JsonObject[], before: string, indent: number): string[] {
  if (expect.length === 0) return [`${before}expect: []`];
  const inner = formatYaml(expect).trimEnd().split("\n");
  return [`${before}expect:`, ...inner.map((text) => (text === "" ? "" : " ".repeat(indent) + text))];
}

function isAsMeant(text: string, objects: readonly JsonObject[], updates: readonly Expectation[]): boolean {
  const wanted = objects.map((object, document) => {
    const own = new Map(
      updates.filter((update) => update.document === document).map((update) => [update.caseIndex, update.expect]),
    );
    if (own.size === 0) return object;
    const cases = (Array.isArray(object.cases) ? object.cases : []).map((one: JsonValue, index) =>
      own.has(index) && isJsonObject(one) ? { ...one, expect: own.get(index) ?? [] } : one,
    );
    return { ...object, cases };
  });
  try {
    const read = placeManifests(text, "").map(({ object }) => object);
    return isDeepStrictEqual(plain(read), plain(wanted));
  } catch {
    return false;
  }
}

/** As JSON: what is undefined is not there. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
