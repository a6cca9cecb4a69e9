import type { Instant } from "../../base/clock.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import type { CompiledSensor } from "../../events/sensor/compile.ts";
import { reduce } from "../../events/sensor/reducer.ts";
import { type Decision, emptyState, type ReceivedEvent } from "../../events/sensor/state.ts";
import { builtInEventSource } from "../../record/cloud-event.ts";
import { placeText, selectorsIn } from "./application-selectors.ts";

export interface ApplicationMatch {
  readonly key: string;
  readonly decision: Decision;
}

/** Which Applications an event concerns, asking only those that it can concern. */
export interface ApplicationIndex {
  /** How many Applications it holds. */
  readonly size: number;
  /**
   * `repositories` as `applicationRepositories` gives them, or with a selector (`placeText`): then only for events of such
   * refs. What was set under the key before is forgotten.
   */
  set(key: string, compiled: CompiledSensor, repositories: readonly string[]): void;
  /** Nothing happens for a key that is not there. */
  delete(key: string): void;
  /**
   * Every decision, rejections and errors too, in the order in which the Applications were last set. Nothing is kept
   * between events: the Sensors of Applications have no joins. `only`: of this one Application, or of those for which it
   * holds, whatever else the event concerns.
   */
  match(received: ReceivedEvent, now: Instant, only?: string | ((key: string) => boolean)): readonly ApplicationMatch[];
}

/** Where an Application is found. */
interface Entry {
  readonly repositories: readonly string[];
  /** As events name it. */
  readonly application: string;
}

/** Text of events → the Applications that it concerns, by their keys. */
type Lookup = Map<string, Map<string, CompiledSensor>>;

export function createApplicationIndex(): ApplicationIndex {
  const entries = new Map<string, Entry>();
  const byRepository: Lookup = new Map();
  const byApplication: Lookup = new Map();

  function remove(key: string): void {
    const entry = entries.get(key);
    if (!entry) return;
    entries.delete(key);
    for (const repository of entry.repositories) removeFrom(byRepository, repository, key);
    removeFrom(byApplication, entry.application, key);
  }

  function ofPlaces(places: readonly string[]): ReadonlyMap<string, CompiledSensor> {
    const [first, ...more] = places.flatMap((place) => byRepository.get(place) ?? []);
    if (more.length === 0) return first ?? new Map();
    return new Map([first ?? [], ...more].flatMap((found) => [...found]));
  }

  return {
    get size() {
      return entries.size;
    },
    set(key, compiled, repositories) {
      remove(key);
      const application = `${compiled.head.namespace}/${compiled.head.name}`;
      entries.set(key, { repositories, application });
      for (const repository of repositories) addTo(byRepository, repository, key, compiled);
      addTo(byApplication, application, key, compiled);
    },
    delete: remove,
    match(received, now, only) {
      const { event, head } = received;
      if (head.eventSource !== builtInEventSource || !isJsonObject(event.data)) return [];
      const isOfRepository = head.event === "push" || head.event === "poll";
      const text = isOfRepository ? event.data.repository : event.data.application;
      if (typeof text !== "string") return [];
      const concerned = isOfRepository ? ofPlaces(placesOf(text, event.data)) : byApplication.get(text);
      return askedOf(concerned, only).flatMap(([key, compiled]) =>
        reduce(compiled, emptyState, received, now).decisions.map((decision) => ({ key, decision })),
      );
    },
  };
}

function placesOf(repository: string, data: JsonObject): readonly string[] {
  return [repository, ...selectorsIn(data).map((selector) => placeText(repository, selector))];
}

function askedOf<V>(
  concerned: ReadonlyMap<string, V> | undefined,
  only: string | ((key: string) => boolean) | undefined,
): readonly (readonly [string, V])[] {
  if (typeof only === "string") return entryOf(concerned, only);
  const all = [...(concerned ?? [])];
  return only === undefined ? all : all.filter(([key]) => only(key));
}

function entryOf<V>(map: ReadonlyMap<string, V> | undefined, key: string): readonly (readonly [string, V])[] {
  const value = map?.get(key);
  return value === undefined ? [] : [[key, value]];
}

function addTo(lookup: Lookup, text: string, key: string, compiled: CompiledSensor): void {
  const found = lookup.get(text);
  if (found) found.set(key, compiled);
  else lookup.set(text, new Map([[key, compiled]]));
}

function removeFrom(lookup: Lookup, text: string, key: string): void {
  const found = lookup.get(text);
  if (found?.delete(key) && found.size === 0) lookup.delete(text);
}
