import type { JsonValue } from "../base/json.ts";
import type { Problem } from "../base/schema.ts";
import { textOf, warningAt } from "./fields.ts";

/**
 * Headers of HTTP in the data of events, where authors of filters stumble (spec argo-events 1.7): Go writes their names in
 * one way, and each has a list of values. Names that other sources may have, too, are left alone.
 */
const known =
  /^(headers?)\.(x-(?:github|gitlab|gitea|hub|bitbucket|slack|hook|event)-[a-z0-9-]+|content-(?:type|length)|user-agent|authorization)(\.0|)$/i;

/** The path of the header's first value where a path is the whole list of them. */
export function firstOfHeader(path: JsonValue | undefined): string | undefined {
  const match = known.exec(textOf(path));
  return match && match[3] === "" && match[2] === canonical(match[2] ?? "") ? `${match[0]}.0` : undefined;
}

/** A name that no event has, since it is written otherwise there. */
export function checkHeaderName(path: string, at: string): Problem[] {
  const [, parent = "", name = ""] = known.exec(path) ?? [];
  const there = canonical(name);
  if (name === there) return [];
  const message = `${JSON.stringify(path)} is not there in events of HTTP sources, which write names of headers as ${there}`;
  return [warningAt(at, message, `did you mean \`${parent}.${there}.0\`?`)];
}

/** `x-github-event` → `X-Github-Event` */
function canonical(name: string): string {
  return name
    .split("-")
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase())
    .join("-");
}

/** A string filter over the whole list: what is compared is its JSON. */
export function checkHeaderTexts(values: readonly string[], first: string, path: string): Problem[] {
  const anchored = values.find((value) => /^\^(?!\\\[)|(?<!\\\])\$$/.test(value));
  if (anchored === undefined) return [];
  const message = `${JSON.stringify(anchored)} is not found: a header is a list, and the text compared is such as ["push"]`;
  return [warningAt(path, message, `write the path \`${first}\``)];
}

/** Elsewhere: what becomes of the list there. */
export function checkHeaderList(first: string | undefined, path: string, becomes: string): Problem[] {
  if (first === undefined) return [];
  return [warningAt(path, `a header is a list, ${becomes}`, `its first value is \`${first}\``)];
}
