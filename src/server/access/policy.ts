import { messageOf, TerminalError } from "../../base/errors.ts";

/** Lines of a casbin policy (spec argo-cd-surface 3.1). */
export interface Policy {
  readonly permissions: readonly Permission[];
  /** Who is also who else: a user or group, and a role. */
  readonly groupings: readonly (readonly [string, string])[];
}

export interface Permission {
  readonly subject: string;
  readonly resource: string;
  readonly action: string;
  readonly object: string;
  /** Anything but `allow` and `deny` has no effect, as in the original. */
  readonly effect: string;
}

/**
 * Lines `p, SUBJECT, RESOURCE, ACTION, OBJECT, EFFECT` and `g, SUBJECT, ROLE`; empty ones and comments are skipped.
 * @throws TerminalError MANIFEST_INVALID for any other line: no line counts then
 */
export function parsePolicy(text: string, where: string): Policy {
  const permissions: Permission[] = [];
  const groupings: (readonly [string, string])[] = [];
  for (const [index, whole] of text.split(/\r?\n/).entries()) {
    const line = whole.trim();
    if (line === "" || line.startsWith("#")) continue;
    const read = readLine(line, (what) => {
      throw new TerminalError("MANIFEST_INVALID", `${where}: line ${index + 1}: ${JSON.stringify(line)}: ${what}`);
    });
    if ("effect" in read) permissions.push(read);
    else groupings.push(read);
  }
  return { permissions, groupings };
}

function readLine(line: string, fault: (what: string) => never): Permission | readonly [string, string] {
  const [type, subject = "", ...rest] = fieldsOf(line, fault);
  const [resource = "", action = "", object = "", effect = ""] = rest;
  switch (type) {
    case "p":
      if (rest.length !== 4) return fault("must be p, subject, resource, action, object, allow or deny");
      return { subject, resource, action, object, effect };
    case "g":
      return rest.length === 1 ? [subject, resource] : fault("must be g, subject, role");
    default:
      return fault("must begin with p or g");
  }
}

/** Fields by commas; `"…"` holds commas, and `""` in it is one quote. */
function fieldsOf(line: string, fault: (what: string) => never): string[] {
  const fields: string[] = [];
  for (let at = 0; at <= line.length; ) {
    const { field, end } = fieldAt(line, at, fault);
    fields.push(field.trim());
    at = end + 1;
  }
  return fields;
}

function fieldAt(line: string, start: number, fault: (what: string) => never) {
  const isSpace = (char: string | undefined): boolean => char === " " || char === "\t";
  let at = start;
  while (isSpace(line[at])) at++;
  if (line[at] !== '"') {
    const comma = line.indexOf(",", at);
    const end = comma < 0 ? line.length : comma;
    const field = line.slice(at, end);
    return field.includes('"') ? fault("a quote must stand around the whole of a field") : { field, end };
  }
  let field = "";
  for (at++; line[at] !== '"' || line[at + 1] === '"'; at++) {
    if (at >= line.length) return fault("a quote has no end");
    if (line[at] === '"') at++;
    field += line[at];
  }
  let end = at + 1;
  while (isSpace(line[end])) end++;
  if (end < line.length && line[end] !== ",") return fault("a quote must stand around the whole of a field");
  return { field, end };
}

/** The policy, or why there is none. */
export function tryPolicy(text: string, where: string): Policy | { readonly fault: string } {
  try {
    return parsePolicy(text, where);
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    return { fault: messageOf(error) };
  }
}

export const noPolicy: Policy = { permissions: [], groupings: [] };

export function joined(...policies: readonly Policy[]): Policy {
  return {
    permissions: policies.flatMap(({ permissions }) => permissions),
    groupings: policies.flatMap(({ groupings }) => groupings),
  };
}
