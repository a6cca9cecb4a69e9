import { isJsonObject } from "../../base/json.ts";
import type { Problem } from "../../base/schema.ts";
import { isTemplate } from "../application-traps.ts";
import { listOf, objectOf, textOf, warningAt } from "../fields.ts";
import type { ApplicationSet, Generator } from "./application-set-types.ts";

const path = "spec.template.metadata.name";
const validName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const maxName = 253;
/** Names beyond these are checked when they are made. */
const maxNames = 1_000;

/** Names of Applications that are missing, not valid, or made twice, as far as the manifest tells (spec 1.10). */
export function nameProblems(set: ApplicationSet): Problem[] {
  const own = set.generators.filter((generator) => textOf(objectOf(generator.template?.metadata).name) === "");
  const name = textOf(set.template.metadata.name);
  // A patch may give the name; without generators the spec is wrong anyway.
  if (own.length === 0 || set.templatePatch !== "") return [];
  if (name === "") return [warningAt(path, "is empty: every Application needs a name")];
  const [only] = own;
  if (own.length === 1 && only?.kind === "list" && textOf(only.spec.elementsYaml) === "") return listNames(name, only);
  if (isTemplate(name)) return [];
  if (!isValid(name)) return [invalid(name)];
  const isOne = own.length === 1 && only?.kind === "clusters" && only.spec.flatList === true;
  return isOne
    ? []
    : [warningAt(path, `${JSON.stringify(name)} has no parameter in it: every Application has this name`)];
}

function listNames(template: string, generator: Generator): Problem[] {
  const seen = new Map<string, number>();
  for (const [index, element] of listOf(generator.spec.elements).slice(0, maxNames).entries()) {
    const name = isJsonObject(element) ? fill(template, objectOf(element)) : undefined;
    if (name === undefined) continue;
    const before = seen.get(name);
    if (before !== undefined) {
      const message = `${JSON.stringify(name)} is made twice: by elements[${before}] and elements[${index}]`;
      return [warningAt(path, message)];
    }
    if (!isValid(name)) return [invalid(name, ` (of elements[${index}])`)];
    seen.set(name, index);
  }
  return [];
}

/** Undefined where the text has more in it than plain keys of the element. */
function fill(template: string, element: Readonly<Record<string, unknown>>): string | undefined {
  let isKnown = true;
  const name = template.replace(/\{\{\s*\.?([\w-]+)\s*\}\}/g, (_match, key: string) => {
    const value = Object.hasOwn(element, key) ? element[key] : undefined;
    if (typeof value !== "string") isKnown = false;
    return String(value);
  });
  return isKnown && !isTemplate(name) ? name : undefined;
}

function isValid(name: string): boolean {
  return name.length <= maxName && validName.test(name);
}

function invalid(name: string, of = ""): Problem {
  const message = `${JSON.stringify(name)}${of} must be lower-case letters, digits, - and ., at most ${maxName}`;
  return warningAt(path, message);
}
