import { type Request, Router } from "express";
import type { Condition } from "../api/resources.ts";
import type { Lag } from "../base/metrics.ts";
import type { KubeObject } from "../objects/object.ts";
import type { ResourceName } from "../record/records.ts";
import { found, textOf } from "./questions.ts";

/** A Sensor or EventSource as lists show it. */
export interface ListedResource extends ResourceName {
  readonly uid: string;
  readonly conditions: readonly Condition[];
}

/** Every object of a kind that the engine knows. */
export interface ListedKind {
  all(): readonly ListedResource[];
  find(namespace: string, name: string): KubeObject | undefined;
}

export interface ListedRouteDeps {
  /** Absent: the paths answer 404. */
  readonly sensors?: ListedKind;
  /** The same for EventSources. */
  readonly sources?: ListedKind;
  /** How far a Sensor is behind its bus; undefined where another engine runs it, or none. */
  readonly lagOf?: (namespace: string, name: string) => Promise<Lag | undefined>;
}

/** `/api/v1/tiphys/sensors` and `/sources`: what there is, and one of them as it is. */
export function listedRoutes({ sensors, sources, lagOf }: ListedRouteDeps): Router {
  const router = Router();
  if (sensors) {
    router.get("/sensors", (request, response) => void response.json({ sensors: listOf(request, sensors) }));
    router.get("/sensors/:namespace/:name", async (request, response) => {
      const { namespace, name } = request.params;
      const sensor = found(sensors.find(namespace, name), "Sensor", `${namespace}/${name}`);
      const behind = await lagOf?.(namespace, name);
      response.json({ sensor, ...(behind && { behind: { events: behind.events, ms: behind.ms } }) });
    });
  }
  if (sources) {
    router.get("/sources", (request, response) => void response.json({ sources: listOf(request, sources) }));
    router.get("/sources/:namespace/:name", (request, response) => {
      const { namespace, name } = request.params;
      response.json({ source: found(sources.find(namespace, name), "EventSource", `${namespace}/${name}`) });
    });
  }
  return router;
}

function listOf(request: Request, kind: ListedKind): readonly ListedResource[] {
  const namespace = textOf(request, "namespace");
  const all = kind.all();
  return namespace === undefined ? all : all.filter((one) => one.namespace === namespace);
}
