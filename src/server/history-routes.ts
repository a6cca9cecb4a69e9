import { type Request, Router } from "express";
import { EngineError } from "../base/errors.ts";
import { type History, idOf } from "../ledger/history.ts";
import type { LedgerRecord } from "../record/records.ts";
import { isRead } from "./access/identify.ts";
import { found, limitOf, numberOf, optional, sensorOf, textOf } from "./questions.ts";
import type { Why } from "./why.ts";

const recordKinds = Object.keys({
  ...{ decision: true, effect: true, sync: true, observation: true, lost: true, missed: true, invalid: true },
} satisfies Record<LedgerRecord["kind"], true>) as LedgerRecord["kind"][];

export interface EventToSend {
  readonly namespace: string;
  readonly eventSource: string;
  readonly event: string;
  readonly data: unknown;
  readonly id?: string;
}

export interface HistoryRouteDeps {
  readonly history: History;
  /** @throws EngineError NOT_FOUND for an event that is not known. */
  readonly why: Why;
  /** Puts an event on the bus as if its EventSource had; resolves with its id once it is kept. */
  readonly send: (draft: EventToSend) => Promise<string>;
}

/** `/api/v1/tiphys/…`: what happened, and why. Every answer waits until the projection holds what was stored before. */
export function historyRoutes({ history, why, send }: HistoryRouteDeps): Router {
  const router = Router();
  router.use(async (request, _response, next) => {
    if (isRead(request)) await history.caughtUp();
    next();
  });
  router.get("/events", async (request, response) => {
    const events = await history.events({
      limit: limitOf(request),
      ...optional("namespace", textOf(request, "namespace")),
      ...optional("eventSource", textOf(request, "eventSource")),
      ...optional("before", numberOf(request, "before")),
    });
    response.json({ events });
  });
  router.post("/events", async (request, response) => {
    const id = await send(parseDraft(request.body));
    response.status(201).json({ id });
  });
  router.get("/events/:id", async (request, response) => {
    response.json({ event: found(await history.event(request.params.id), "event", request.params.id) });
  });
  router.get("/events/:id/why", async (request, response) => {
    response.json(await why(request.params.id, sensorOf(request)));
  });
  router.get("/records", async (request, response) => {
    const records = await history.records({
      limit: limitOf(request),
      ...optional("kind", kindOf(request)),
      ...optional("sensor", sensorOf(request)),
      ...optional("before", numberOf(request, "before")),
    });
    response.json({ records });
  });
  router.get("/export", async (request, response) => {
    const after = textOf(request, "after");
    const page = await history.exportPage({
      limit: limitOf(request),
      ...optional("after", after),
      ...optional("since", numberOf(request, "since")),
      ...optional("until", numberOf(request, "until")),
      ...optional("kind", kindOf(request)),
    });
    response.json(found(page, "record", after ?? ""));
  });
  router.get("/records/:id", async (request, response) => {
    response.json({ record: found(await history.record(request.params.id), "record", request.params.id) });
  });
  for (const direction of ["causes", "effects"] as const) {
    router.get(`/records/:id/${direction}`, async (request, response) => {
      response.json({ entries: await history[direction](request.params.id) });
    });
  }
  router.get("/trace/:reference", async (request, response) => {
    const { reference } = request.params;
    const self = found(await history.find(reference), "event, record, commit or object", reference);
    const id = idOf(self);
    const [causes, effects] = await Promise.all([history.causes(id), history.effects(id)]);
    response.json({ self, causes, effects });
  });
  return router;
}

function kindOf(request: Request): LedgerRecord["kind"] | undefined {
  const text = textOf(request, "kind");
  const kind = recordKinds.find((one) => one === text);
  if (text === undefined || kind !== undefined) return kind;
  throw new EngineError("USAGE", `kind: "${text}" must be one of ${recordKinds.join(", ")}`);
}

function parseDraft(body: unknown): EventToSend {
  const draft = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const text = (field: string, fallback?: string): string => {
    const value = draft[field] ?? fallback;
    if (typeof value === "string" && value !== "") return value;
    throw new EngineError("USAGE", `${field}: must be a text that is not empty`);
  };
  return {
    namespace: text("namespace", "default"),
    eventSource: text("eventSource"),
    event: text("event"),
    data: draft.data ?? null,
    ...(draft.id === undefined ? {} : { id: text("id") }),
  };
}
