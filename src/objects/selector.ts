import type { KubeObject } from "./object.ts";

/** A selector that cannot be read; the message says where. */
export class SelectorError extends Error {}

type Labels = Readonly<Record<string, string>>;
export type Matcher<T> = (subject: T) => boolean;

const key = /^(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const setForm = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/;
const compareForm = /^([^\s=!<>]+)\s*(==|=|!=|>|<)\s*([^\s=!<>]*)$/;

/** A label selector as in `?labelSelector=`: `a=b,c!=d,e in (x,y),f notin (z),g,!h`. "" matches all. */
export function parseLabelSelector(text: string): Matcher<Labels> {
  const requirements = splitOutsideParentheses(text).map(parseRequirement);
  return (labels) => requirements.every((matches) => matches(labels));
}

function splitOutsideParentheses(text: string): string[] {
  const parts = text.split(/,(?![^()]*\))/).map((part) => part.trim());
  return parts.length === 1 && parts[0] === "" ? [] : parts;
}

function parseRequirement(text: string): Matcher<Labels> {
  const set = setForm.exec(text);
  if (set) {
    const name = checkedKey(set[1], text);
    const values = new Set((set[3] ?? "").split(",").map((value) => value.trim()));
    const negated = set[2] === "notin";
    return (labels) => values.has(labels[name] ?? "\0") !== negated;
  }
  const compare = compareForm.exec(text);
  if (compare) return comparison(checkedKey(compare[1], text), compare[2] ?? "=", compare[3] ?? "", text);
  const negated = text.startsWith("!");
  const name = checkedKey(negated ? text.slice(1).trim() : text, text);
  return (labels) => Object.hasOwn(labels, name) !== negated;
}

function comparison(name: string, operator: string, value: string, text: string): Matcher<Labels> {
  if (operator === "!=") return (labels) => labels[name] !== value;
  if (operator !== ">" && operator !== "<") return (labels) => labels[name] === value;
  if (!/^-?\d+$/.test(value))
    throw new SelectorError(`unable to parse requirement: ${text}: values must be an integer`);
  const bound = Number(value);
  return (labels) => {
    const found = Number(labels[name] ?? Number.NaN);
    return operator === ">" ? found > bound : found < bound;
  };
}

function checkedKey(name: string | undefined, text: string): string {
  if (name === undefined || !key.test(name))
    throw new SelectorError(`unable to parse requirement: ${JSON.stringify(text)}`);
  return name;
}

/** `metadata.name` and `metadata.namespace`, plus the fields that `extra` names, as in `?fieldSelector=`. */
export function parseFieldSelector(text: string, extra: readonly string[] = []): Matcher<KubeObject> {
  const requirements = text
    .split(",")
    .filter((part) => part.trim() !== "")
    .map((part) => parseFieldRequirement(part.trim(), extra));
  return (object) => requirements.every((matches) => matches(object));
}

function parseFieldRequirement(text: string, extra: readonly string[]): Matcher<KubeObject> {
  const match = /^([^=!]+)(==|=|!=)(.*)$/.exec(text);
  if (!match) throw new SelectorError(`invalid selector: ${JSON.stringify(text)}; can't understand it`);
  const [, field = "", operator, value = ""] = match;
  if (field !== "metadata.name" && field !== "metadata.namespace" && !extra.includes(field)) {
    throw new SelectorError(`field label not supported: ${field}`);
  }
  const path = field.split(".");
  return (object) => (fieldText(object, path) === value) === (operator !== "!=");
}

function fieldText(object: unknown, path: readonly string[]): string {
  let value = object;
  for (const step of path) {
    value = typeof value === "object" && value !== null ? Reflect.get(value, step) : undefined;
  }
  return value === undefined || value === null ? "" : String(value);
}
