import type { JsonObject } from "../base/json.ts";
import type { Problem } from "../base/schema.ts";
import { checkFilterExpression } from "./expression-traps.ts";
import { errorAt, listOf, objectOf, textOf, warningAt } from "./fields.ts";
import type { EventDefinition } from "./resources.ts";
import { sourceKindFacts } from "./source-kinds.ts";

/** Rules over all events of one EventSource (spec argo-events 2.2, 3.5, 7.4). */

export function pathOf(event: EventDefinition): string {
  return `spec.${event.kind}.${event.name}`;
}

/** An event's name stands once over all kinds, and should fit a subject of the bus. `source` is the object's name. */
export function checkEventNames(source: string, events: readonly EventDefinition[]): Problem[] {
  const seen = new Set<string>();
  const problems = events.flatMap((event) => {
    const isTwice = seen.has(event.name);
    seen.add(event.name);
    return isTwice ? [errorAt(pathOf(event), `more than one ${JSON.stringify(event.name)} found in the spec`)] : [];
  });
  const unfit = events.filter(({ name }) => !fitsSubject(name));
  return [
    ...problems,
    ...(fitsSubject(source) || source === "" || events.length === 0 ? [] : [unfitName("metadata.name", source)]),
    ...unfit.map((event) => unfitName(pathOf(event), event.name)),
  ];
}

/** One token of NATS: no separator, no wildcard, no white space, nothing that is not printed. */
function fitsSubject(name: string): boolean {
  return /^[\x21-\x7e]+$/.test(name) && !/[.*>]/.test(name);
}

function unfitName(path: string, name: string): Problem {
  const message = `${JSON.stringify(name)} does not fit the subject default.<source>.<event> of a bus of Argo Events`;
  return warningAt(path, `${message}: use letters, digits, - and _ only`);
}

/** Events of one EventSource run in one way, by their kinds; and there should be one at least. */
export function checkModes(events: readonly EventDefinition[]): Problem[] {
  if (events.length === 0) return [warningAt("spec", "has no events: there is nothing to listen for")];
  const modes = new Set(events.flatMap(({ kind }) => sourceKindFacts[kind]?.mode ?? []));
  if (modes.size < 2) return [];
  const message =
    "event sources with rolling update and recreate update strategy can not be put together; write two EventSources";
  return [errorAt("spec", message)];
}

/** The original does not even read what these have as an expression. */
const unfilteredKinds: ReadonlySet<string> = new Set(["minio", "resource", "storageGrid", "stripe"]);

export function checkExpression(event: EventDefinition): Problem[] {
  const text = expressionOf(event);
  if (text === "") return [];
  const original = unfilteredKinds.has(event.kind) ? "emits every event" : "drops every event";
  return checkFilterExpression(text, `${pathOf(event)}.filter.expression`, original);
}

function expressionOf(event: EventDefinition): string {
  return textOf(objectOf(objectOf(event.spec as JsonObject).filter).expression);
}

interface Route {
  readonly event: EventDefinition;
  readonly path: string;
  readonly port: string;
  readonly endpoint: string;
}

/**
 * Two events of one port and path: the original serves the one that it comes to first, and the other gets nothing
 * without a word.
 */
export function checkRoutes(events: readonly EventDefinition[]): Problem[] {
  const first = new Map<string, Route>();
  return events.flatMap((event) => {
    const route = routeOf(event);
    if (!route) return [];
    const key = `${route.port} ${route.endpoint}`;
    const other = first.get(key);
    if (!other) {
      first.set(key, route);
      return [];
    }
    const message = `port ${route.port} and path ${route.endpoint} are those of event "${other.event.name}" too`;
    return [warningAt(`${route.path}.endpoint`, `${message}: only one of them gets what comes there`)];
  });
}

/** HTTP events have their context in the event itself or in `webhook`. */
function routeOf(event: EventDefinition): Route | undefined {
  const spec = objectOf(event.spec as JsonObject);
  const path = event.kind === "webhook" ? pathOf(event) : `${pathOf(event)}.webhook`;
  const context = event.kind === "webhook" ? spec : objectOf(spec.webhook);
  const port = typeof context.port === "number" ? String(context.port) : textOf(context.port);
  const endpoint = textOf(context.endpoint);
  if (port === "" || endpoint === "") return undefined;
  return { event, path, port, endpoint: endpoint.startsWith("/") ? endpoint : `/${endpoint}` };
}

/** A Service of Kubernetes needs names where there are several ports; the original finds out when it makes it. */
export function checkService(service: JsonObject, path: string): Problem[] {
  const ports = listOf(service.ports).map(objectOf);
  const problems = ports.flatMap(({ port }, index) =>
    (typeof port === "number" && port > 0 && port < 65_536) || typeof port === "string" // a wrong type is told
      ? []
      : [warningAt(`${path}.ports[${index}].port`, `${JSON.stringify(port) ?? "nothing"} must be between 1 and 65535`)],
  );
  if (ports.length < 2) return problems;
  const names = new Set<string>();
  for (const [index, { name }] of ports.entries()) {
    const text = textOf(name);
    if (text === "")
      problems.push(warningAt(`${path}.ports[${index}].name`, "is needed where there are several ports"));
    else if (names.has(text)) problems.push(warningAt(`${path}.ports[${index}].name`, `"${text}" is there twice`));
    names.add(text);
  }
  return problems;
}
