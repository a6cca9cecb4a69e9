import { type Request, Router } from "express";
import { EngineError, messageOf } from "../base/errors.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";
import type { DeadQuery, DeadStore, DeadSummary } from "../events/sensor/dead-store.ts";
import { summaryOf } from "../events/sensor/dead-store.ts";
import type { ResourceName } from "../record/records.ts";
import { limitOf, numberOf, optional, sensorNameOf, sensorOf, textOf, wholeNumber } from "./questions.ts";

export interface DeadRouteDeps {
  /** Absent: the paths answer 404. */
  readonly dead?: DeadDoor;
}

export interface DeadDoor {
  readonly letters: Pick<DeadStore, "list" | "find">;
  /** Asks whichever engine runs the letter's Sensor to do it again; resolves once that is stored. */
  readonly redrive: (letter: DeadSummary) => Promise<void>;
  readonly hasSensor: (sensor: ResourceName) => boolean;
}

/** Letters that one request redrives at most; `next` says where to go on. */
const maxAsked = 1_000;
const askedAtOnce = 64;

interface Refusal {
  readonly id: number;
  readonly error: string;
}

/** `/api/v1/tiphys/dead`: what failed for good, and doing it again. */
export function deadRoutes(door: DeadDoor): Router {
  const router = Router();
  router.get("/", async (request, response) => {
    const limit = limitOf(request);
    const before = numberOf(request, "before") ?? Number.POSITIVE_INFINITY;
    const { letters, isCut } = await door.letters.list(queryOf(request));
    const shown = letters.filter(({ id }) => id < before).slice(-limit);
    response.json({ letters: shown.reverse(), total: letters.length, ...(isCut ? { isCut } : {}) });
  });
  router.post("/redrive", async (request, response) => {
    response.status(202).json(await redriveAll(door, isJsonObject(request.body) ? request.body : {}));
  });
  router.get("/:id", async (request, response) => {
    response.json({ letter: await find(door, request.params.id) });
  });
  router.post("/:id/redrive", async (request, response) => {
    const { id, ...letter } = await find(door, request.params.id);
    const summary = summaryOf(id, letter);
    refuseOrphan(door, summary);
    await door.redrive(summary);
    response.status(202).json({ asked: [summary], refused: [] });
  });
  return router;
}

async function find({ letters }: DeadDoor, name: string) {
  const found = await letters.find(wholeNumber(name, "id"));
  if (found) return { id: found.id, ...found.letter };
  throw new EngineError("NOT_FOUND", `no dead letter "${name}" is known: it was redriven, or its time is over`);
}

function queryOf(request: Request): DeadQuery {
  const sensor = sensorOf(request);
  return {
    ...optional("namespace", sensor?.namespace ?? textOf(request, "namespace")),
    ...optional("sensor", sensor?.name),
    ...optional("trigger", textOf(request, "trigger")),
  };
}

/** Oldest first. One that cannot be redriven does not hold up the others. */
async function redriveAll(door: DeadDoor, body: JsonObject) {
  const { letters } = await door.letters.list(selectionOf(body));
  const chosen = letters.slice(0, maxAsked);
  const asked: DeadSummary[] = [];
  const refused: Refusal[] = [];
  for (let start = 0; start < chosen.length; start += askedAtOnce) {
    const answers = chosen.slice(start, start + askedAtOnce).map(async (letter) => {
      try {
        refuseOrphan(door, letter);
        await door.redrive(letter);
        asked.push(letter);
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        refused.push({ id: letter.id, error: messageOf(error) });
      }
    });
    await Promise.all(answers);
  }
  const next = letters.length > chosen.length ? { next: chosen.at(-1)?.id } : {};
  return { asked: asked.sort((a, b) => a.id - b.id), refused, ...next };
}

/** @throws EngineError USAGE when it would be everything and nobody said so. */
function selectionOf({ sensor, namespace, trigger, all, after }: JsonObject): DeadQuery {
  const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
  const one = isText(sensor) ? sensorNameOf(sensor) : undefined;
  if (!one && all !== true) throw new EngineError("USAGE", 'give "sensor": "NAMESPACE/NAME", or "all": true');
  return {
    ...optional("namespace", one?.namespace ?? (isText(namespace) ? namespace : undefined)),
    ...optional("sensor", one?.name),
    ...optional("trigger", isText(trigger) ? trigger : undefined),
    ...optional("after", typeof after === "number" ? after : undefined),
  };
}

function refuseOrphan({ hasSensor }: DeadDoor, { id, sensor }: DeadSummary): void {
  if (hasSensor(sensor)) return;
  const name = `${sensor.namespace}/${sensor.name}`;
  throw new EngineError("NOT_FOUND", `dead letter ${id} cannot be redriven: there is no Sensor "${name}" any more`);
}
