import { parseDuration } from "../base/duration.ts";
import { messageOf, TerminalError } from "../base/errors.ts";
import { gjsonFault } from "../base/gjson/faults.ts";
import { checkGoTemplate } from "../base/go-template/template.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import { isJsonPath } from "../base/json-path-syntax.ts";
import { compileLua } from "../base/lua/lua.ts";
import { compileRegex, exactRegex } from "../base/regex.ts";
import type { Problem } from "../base/schema.ts";
import { objectOf, textOf, warningAt } from "./fields.ts";
import { checkHeaderName } from "./header-traps.ts";

/** Traps that several places have: what the original accepts and what then fails, or does something else. */

/** Longer texts are not looked at for what they seem to be, since look-behinds below take quadratic time. */
const maxLiteralLength = 200;

const notYet = "is not supported yet";

/** Fields of ours that nothing reads yet. */
export function checkPlanned(object: JsonObject, fields: readonly string[], path: string): Problem[] {
  const planned = fields.filter((field) => object[field] !== undefined);
  return planned.map((field) => warningAt(`${path}.${field}`, notYet));
}

const special = /[\\.+*?()|[\]{}^$]/;

/** A string filter's value (spec argo-events 5.2): a regex that Go knows and that says what its writer meant. */
export function checkRegex(text: string, path: string): Problem[] {
  if (!special.test(text)) return [];
  try {
    compileRegex(text);
  } catch (error) {
    const hint = /\(\?(?:[=!]|<[=!])|\\[1-9]/.test(text)
      ? "RE2 knows neither look-around nor back-references; write the filter with `!=`, or several filters"
      : `to find this text as it stands, write \`${exactRegex(text)}\``;
    return [warningAt(path, `${messageOf(error)}: the filter fails with each event`, hint)];
  }
  if (!looksLiteral(text)) return [];
  const message = `${JSON.stringify(text)} is a regular expression, found anywhere in the text`;
  return [warningAt(path, message, `for exactly this text write \`${exactRegex(text)}\``)];
}

/** A Lua script has to parse; what then happens to events is `consequence`. */
export function checkScript(text: JsonValue | undefined, path: string, consequence: string): Problem[] {
  if (typeof text !== "string" || text === "") return [];
  try {
    compileLua(text);
    return [];
  } catch (error) {
    return [warningAt(path, `${messageOf(error)}: ${consequence}`)];
  }
}

/**
 * Plain words among a string filter's values, which people take for equality: one warning, at `path`. `otherPath`: where
 * the words alone are, when the filter's path has more around them.
 */
export function checkPlainWords(values: readonly string[], path: string, otherPath?: string): Problem[] {
  const words = values.filter((text) => text !== "" && !special.test(text));
  const [first] = words;
  if (first === undefined) return [];
  const exact = words.length === 1 ? `^${first}$` : `^(${words.slice(0, maxWords).join("|")})$`;
  const message = `${JSON.stringify(first)} is found anywhere in the text: what has more before or behind it passes, too`;
  const along = otherPath === undefined ? "" : ` and the path \`${otherPath}\``;
  return [warningAt(path, message, `for exactly this write \`${exact}\`${along}`)];
}

/** In a hint. */
const maxWords = 10;

/** Host names, versions, file names, `[bot]`, `fix(api)`: text in which special characters mean themselves. */
function looksLiteral(text: string): boolean {
  if (text.length > maxLiteralLength) return false;
  const plain = text
    .replace(/(?<=[\w-])\.(?=[\w-])/g, "") // a dot between words, without a quantifier
    .replace(/\[bot\]$/, "")
    .replace(/(?<=\w)\([\w -]+\)(?![?*+{])/, "") // a group that neither chooses nor repeats
    .replace(/(?<=:\/\/.*)\?(?=\w+=)/, "") // a URL's query
    .replace(/(?<=\w)\+(?=\w+@)/, ""); // an address with a tag
  return plain !== text && !special.test(plain);
}

/** A Go template that does not parse, or uses what is refused: both fail at run time only. */
export function checkTemplate(value: JsonValue | undefined, path: string): Problem[] {
  const text = textOf(value);
  if (text === "") return [];
  try {
    checkGoTemplate(text, { hasMoment: true });
    return [];
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    const fault = error.code === "TEMPLATE_INVALID" ? `is no Go template: ${error.message}` : error.message;
    return [warningAt(path, `${fault}; it fails with each event`)];
  }
}

/**
 * A path into an event (spec argo-events 5.9). Those of jq are looked for as if they were names of fields, and GJSON takes
 * what does not parse for something else. A JSONPath that does not parse is an error of the Sensor.
 */
export function checkEventPath(value: JsonValue | undefined, path: string): Problem[] {
  const text = textOf(value);
  if (text === "" || isJsonPath(text)) return [];
  const problem = checkForeignPath(text, path) ?? checkNoPath(text, path);
  if (problem) return [problem];
  const fault = text.length > maxPathLength ? undefined : gjsonFault(text);
  return fault === undefined
    ? checkHeaderName(text, path)
    : [warningAt(path, `${JSON.stringify(text)} does not parse: ${fault}`)];
}

/** Longer ones are an error of the Sensor. */
const maxPathLength = 4_000;

function checkNoPath(text: string, path: string): Problem | undefined {
  if (/\{\{-?\s*[.$]/.test(text)) {
    return warningAt(path, `${JSON.stringify(text)} is read as a path`, "a template belongs into a field of its own");
  }
  const trimmed = text.trim();
  if (trimmed === text || trimmed === "") return undefined;
  const message = `${JSON.stringify(text)} has spaces around it, which are part of the key`;
  return warningAt(path, message, `did you mean \`${trimmed}\`?`);
}

function checkForeignPath(text: string, path: string): Problem | undefined {
  if (!text.startsWith(".") && !text.includes("[")) return undefined;
  // Queries and modifiers have texts of their own.
  const hasBrackets = !/[#@{|!]/.test(text) && /[\w\])]\[(?:\d+|'[^']*'|"[^"]*")\]/.test(text);
  if (text.length > maxLiteralLength || !(hasBrackets || /^\.(?!\.)/.test(text))) return undefined;
  const likely = text
    .replaceAll(/\[(\d+)\]/g, ".$1")
    .replaceAll(/\[(?:'([^']*)'|"([^"]*)")\]/g, ".$1$2")
    .replace(/^\./, "");
  const message = `${JSON.stringify(text)} is no path of GJSON: nothing is found there`;
  return warningAt(path, message, likely === "" ? "`@this` is all of it" : `did you mean \`${likely}\`?`);
}

/** `spec.template` of an EventSource or Sensor: what the original never applies (spec argo-events 2.3). */
export function checkPodTemplate({ template }: JsonObject): Problem[] {
  const { imagePullPolicy } = objectOf(objectOf(template).container);
  if (textOf(imagePullPolicy) === "") return [];
  return [warningAt("spec.template.container.imagePullPolicy", "has no effect, in Argo Events neither")];
}

/** retryStrategy and the like (spec argo-events 1.2): with a bad one the original never acts. */
export function checkBackoff(backoff: JsonObject, path: string): Problem[] {
  const { duration } = backoff;
  const never = "Argo Events does not act at all with it";
  const problems: Problem[] = [];
  if (typeof duration === "string" && duration !== "" && !isDuration(duration)) {
    const hint = /^\d+$/.test(duration) ? `did you mean ${duration} (nanoseconds) or \`${duration}s\`?` : undefined;
    problems.push(
      warningAt(`${path}.duration`, `${JSON.stringify(duration)} must be a Go duration such as 10s; ${never}`, hint),
    );
  }
  for (const field of ["factor", "jitter"]) {
    const value = backoff[field];
    if (value === undefined || typeof value === "number") continue;
    const hint = typeof value === "string" && /^\d+(?:\.\d+)?$/.test(value) ? `write it as ${value}` : undefined;
    problems.push(warningAt(`${path}.${field}`, `${JSON.stringify(value)} must be a number; ${never}`, hint));
  }
  return problems;
}

function isDuration(text: string): boolean {
  try {
    parseDuration(text);
    return true;
  } catch {
    return false; // that is the question
  }
}

/** A name that becomes part of a subject of the bus. */
export function checkSubjectName(name: string, path: string): Problem[] {
  const odd = /[\s.*>]/.exec(name)?.[0];
  if (odd === undefined) return [];
  return [warningAt(path, `${JSON.stringify(name)} does not fit a subject of the bus: it has ${JSON.stringify(odd)}`)];
}

/** The longest value of a label. */
const maxLabelLength = 63;

/** A name that becomes the value of a label. */
export function checkLabelName(name: string, path: string, label: string): Problem[] {
  if (name === "" || (name.length <= maxLabelLength && /^[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?$/.test(name))) return [];
  const shown = name.length > maxLabelLength ? `${name.slice(0, maxLabelLength)}…` : name;
  const message = `${JSON.stringify(shown)} does not fit the label ${label}: at most ${maxLabelLength} of a-z, 0-9, -, _ and .`;
  return [warningAt(path, message)];
}
