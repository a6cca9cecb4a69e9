import type { JsonObject } from "../base/json.ts";
import { isDryRun, type ResourceRequest } from "./request.ts";
import { type ServedResource, storeKey } from "./resources.ts";

/** Objects of a large sync, and bodies of a few MiB at most. */
const maxKept = 1_024;
const maxTexts = 2 * 1024 * 1024;

interface Rehearsal {
  readonly resource: ServedResource;
  readonly text: string;
  readonly object: JsonObject;
}

/**
 * What dry runs of server-side apply made of bodies whose objects are not there yet. Who syncs sends the same body again
 * right after: then nothing of it is done twice but the questions to others (namespace, admission). Kept for the second
 * of the clock in which it was made, since objects tell it.
 */
export class Rehearsals {
  readonly #kept = new Map<string, Rehearsal>();
  #now = "";
  #length = 0;

  /** What `text` becomes under this name; undefined unless a dry run of the same second made it. Given once. */
  take(target: ResourceRequest, name: string, text: string, now: string): JsonObject | undefined {
    if (isDryRun(target.query) || this.#kept.size === 0) return undefined;
    this.#turnTo(now);
    const key = keyOf(target, name);
    const found = this.#kept.get(key);
    if (found === undefined || found.resource !== target.resource || found.text !== text) return undefined;
    this.#kept.delete(key);
    this.#length -= text.length;
    return found.object;
  }

  keep(
    target: ResourceRequest,
    name: string,
    text: string,
    { now, object }: { now: string; object: JsonObject },
  ): void {
    // Warnings belong to the answer: what has some is made again.
    if (!isDryRun(target.query) || target.warnings.length > 0) return;
    this.#turnTo(now);
    const key = keyOf(target, name);
    const length = this.#length + text.length - (this.#kept.get(key)?.text.length ?? 0);
    if (this.#kept.size >= maxKept || length > maxTexts) return;
    this.#kept.set(key, { resource: target.resource, text, object });
    this.#length = length;
  }

  #turnTo(now: string): void {
    if (now === this.#now) return;
    this.#now = now;
    this.#kept.clear();
    this.#length = 0;
  }
}

function keyOf({ resource, namespace, query }: ResourceRequest, name: string): string {
  return [storeKey(resource), namespace, name, query.get("fieldManager"), query.get("fieldValidation")].join("\n");
}
