import { type Response, Router } from "express";
import { EngineError, messageOf } from "../base/errors.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";
import type { AppliedReport } from "../events/trial/apply-replay.ts";
import type { ReplayProgress, ReplayReport, ReplayWindow } from "../events/trial/replay.ts";
import { whenGone } from "./gone.ts";

/** Stored events for a candidate Sensor. */
export interface ReplayAsk extends ReplayWindow {
  /** The candidate's manifest. */
  readonly sensor: JsonObject;
}

export interface ReplayOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: ReplayProgress) => void;
}

export interface Replayer {
  /** Reads only. @throws InvalidManifest, EngineError BUS_UNAVAILABLE */
  dry(ask: ReplayAsk, options: ReplayOptions): Promise<ReplayReport>;
  /** Makes the effects, by the engine's usual way, under keys of their own. @throws as `dry`, EngineError LEASE_LOST */
  apply(ask: ReplayAsk, id: string | undefined, options: ReplayOptions): Promise<AppliedReport>;
}

/** One line of an answer; the last is no progress. */
export type ReplayLine =
  | { readonly progress: ReplayProgress }
  | { readonly report: ReplayReport }
  | { readonly applied: AppliedReport }
  | { readonly error: string; readonly code?: string };

const progressEveryMs = 1_000;

/** `POST /api/v1/tiphys/replay`: a line of JSON each second, and one with the outcome. One replay runs at a time. */
export function replayRoutes(replayer: Replayer): Router {
  const router = Router();
  let isRunning = false;
  router.post("/", async (request, response) => {
    const run = parseAsk(request.body);
    if (isRunning) throw new EngineError("REPLAY_BUSY", "another replay runs on this engine");
    isRunning = true;
    try {
      await answer(response, (options) => run(replayer, options));
    } finally {
      isRunning = false;
    }
  });
  return router;
}

type Run = (replayer: Replayer, options: ReplayOptions) => Promise<ReplayLine>;

async function answer(response: Response, run: (options: ReplayOptions) => Promise<ReplayLine>): Promise<void> {
  const gone = whenGone(response);
  const write = (line: ReplayLine): void => {
    if (!response.headersSent) response.type("application/x-ndjson");
    response.write(`${JSON.stringify(line)}\n`);
  };
  let last: ReplayProgress = { events: 0, at: 0 };
  const telling = setInterval(() => write({ progress: last }), progressEveryMs);
  try {
    write(
      await run({
        signal: gone,
        onProgress: (progress) => {
          last = progress;
        },
      }),
    );
  } catch (error) {
    if (gone.aborted) return;
    if (!response.headersSent || !(error instanceof EngineError)) throw error;
    write({ error: messageOf(error), code: error.code });
  } finally {
    clearInterval(telling);
  }
  response.end();
}

function parseAsk(body: unknown): Run {
  const { sensor, sinceMs, untilMs, eventSources, apply, id } = isJsonObject(body) ? body : {};
  if (!isJsonObject(sensor)) throw new EngineError("USAGE", "sensor: must be a Sensor");
  const ask: ReplayAsk = {
    sensor,
    sinceMs: timeOf(sinceMs, "sinceMs"),
    untilMs: timeOf(untilMs, "untilMs"),
    ...(eventSources === undefined ? {} : { eventSources: textsOf(eventSources) }),
  };
  if (apply !== true) return async (replayer, options) => ({ report: await replayer.dry(ask, options) });
  const again = id === undefined ? undefined : idOf(id);
  return async (replayer, options) => ({ applied: await replayer.apply(ask, again, options) });
}

function timeOf(value: unknown, field: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new EngineError("USAGE", `${field}: must be milliseconds since 1970`);
}

function textsOf(value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value;
  throw new EngineError("USAGE", "eventSources: must be a list of names");
}

/** It becomes a part of keys, and of names in state. */
function idOf(value: unknown): string {
  if (typeof value === "string" && /^[a-z0-9-]{1,40}$/.test(value)) return value;
  throw new EngineError("USAGE", "id: must be at most 40 of a to z, 0 to 9 and -");
}
