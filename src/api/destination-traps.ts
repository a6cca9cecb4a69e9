import type { Problem } from "../base/schema.ts";
import { warningAt } from "./fields.ts";

/** Where a destination goes: into a trigger's template, a payload, the block of a kind, or the object that a kind makes. */
export type DestOwner = "template" | "payload" | { readonly kind: string; readonly makesObject: boolean };

interface Trap {
  readonly message: string;
  readonly instead: string;
}

/** A destination that is taken, and leads elsewhere than it seems to (spec argo-events 6.3.2). */
export function checkDestTraps(dest: string, owner: DestOwner, path: string): Problem[] {
  const trap = syntaxTrap(dest) ?? (owner === "payload" ? undefined : (labelTrap(dest) ?? ownerTrap(dest, owner)));
  if (trap === undefined) return [];
  return [warningAt(path, `${JSON.stringify(dest)} ${trap.message}`, `did you mean \`${trap.instead}\`?`)];
}

function syntaxTrap(dest: string): Trap | undefined {
  if (dest.startsWith("/") && dest.length > 1) {
    const instead = dest.slice(1).replaceAll(".", "\\.").replaceAll("/", ".").replaceAll("~1", "/");
    return { message: "is one key: parts of a path have a dot between them", instead };
  }
  if (/^\.+[^.]/.test(dest)) return { message: "begins with an empty key", instead: dest.replace(/^\.+/, "") };
  if (!/[^.]\[(?:\d+|-1)\](?:\.|\[|$)/.test(dest) || dest.includes("(")) return undefined;
  const instead = dest.replaceAll(/\[(\d+|-1)\]/g, ".$1");
  return { message: "has brackets, which are part of the key: an index stands between dots", instead };
}

/** Maps of texts, whose keys often have dots. */
const flatMap = /^((?:.*\.)?(?:labels|annotations|matchLabels|nodeSelector))\.(.+)$/s;

function labelTrap(dest: string): Trap | undefined {
  const [, map = "", key = ""] = flatMap.exec(dest) ?? [];
  if (/[*?#|@]/.test(key) || !/(?<!\\)\./.test(key)) return undefined;
  const instead = `${map}.${key.replaceAll(/(?<!\\)\./g, "\\.")}`;
  return { message: "makes a map within the label or annotation: a dot of its name needs a backslash", instead };
}

const objectFields = /^(?:metadata|spec|data|stringData)\./;

function ownerTrap(dest: string, owner: Exclude<DestOwner, "payload">): Trap | undefined {
  if (owner === "template") {
    const [, kind = "", rest = ""] = /^(k8s|argoWorkflow)\.(.+)$/s.exec(dest) ?? [];
    if (!objectFields.test(rest)) return undefined;
    return {
      message: `is not in the object, which is at ${kind}.source.resource`,
      instead: `${kind}.source.resource.${rest}`,
    };
  }
  const { kind, makesObject } = owner;
  const inKind = dest.startsWith(`${kind}.`) ? dest.slice(kind.length + 1) : dest;
  const rest = makesObject ? inKind.replace(/^(?:source\.)?resource\./, "") : inKind;
  if (rest === dest) return undefined;
  const within = makesObject ? "the object" : kind;
  return { message: `makes a field of that name: paths of ${kind}.parameters begin within ${within}`, instead: rest };
}
