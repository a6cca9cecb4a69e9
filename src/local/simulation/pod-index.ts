import { isJsonObject, type JsonObject } from "../../base/json.ts";
import type { Change } from "../store.ts";
import type { ObjectKey } from "../stored-object.ts";

/** Pods by their labels: reading all of a namespace for each Service would cost the square of both. */
export class PodIndex {
  /** Names of Pods by `namespace/key=value`. */
  readonly #names = new Map<string, Set<string>>();
  readonly #labels = new Map<string, readonly string[]>();

  /** `pod`: undefined when it is gone. */
  set(namespace: string, name: string, pod: unknown): void {
    const key = `${namespace}/${name}`;
    for (const label of this.#labels.get(key) ?? []) {
      const names = this.#names.get(label);
      names?.delete(name);
      if (names?.size === 0) this.#names.delete(label);
    }
    const labels = labelsOf(pod).map(([label, value]) => placeOf(namespace, label, value));
    if (pod === undefined) this.#labels.delete(key);
    else this.#labels.set(key, labels);
    for (const label of labels) this.#names.set(label, (this.#names.get(label) ?? new Set()).add(name));
  }

  see({ resource, namespace, name, object, type }: Change): void {
    if (resource === "/pods") this.set(namespace, name, type === "DELETED" ? undefined : object);
  }

  /** Those that may be selected, in no order: the fewest that one label of the selector leaves. */
  candidates(namespace: string, selector: JsonObject): readonly ObjectKey[] {
    const sets = Object.entries(selector).map(
      ([label, value]) => this.#names.get(placeOf(namespace, label, value)) ?? new Set<string>(),
    );
    const [fewest = new Set<string>()] = sets.toSorted((a, b) => a.size - b.size);
    return [...fewest].map((name) => ({ resource: "/pods", namespace, name }));
  }
}

function labelsOf(pod: unknown): readonly (readonly [string, unknown])[] {
  const metadata = isJsonObject(pod) ? pod.metadata : undefined;
  const labels = isJsonObject(metadata) ? metadata.labels : undefined;
  return isJsonObject(labels) ? Object.entries(labels) : [];
}

function placeOf(namespace: string, label: string, value: unknown): string {
  return `${namespace}/${label}=${String(value)}`;
}
