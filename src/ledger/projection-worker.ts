import { parentPort, workerData } from "node:worker_threads";
import { assertNever, messageOf, TerminalError } from "../base/errors.ts";
import { QuietRelease } from "../base/idle-memory.ts";
import { failureOf } from "../events/bus/sqlite-failure.ts";
import type { Asked, FromWorker, ProjectionError, ToWorker } from "./projection-protocol.ts";
import { ProjectionStore } from "./projection-store.ts";

const { path } = workerData as { readonly path: string };
const store = new ProjectionStore(path);
const memory = new QuietRelease();

const tickMs = 1_000;

function answer({ kind, ask }: Asked): unknown {
  switch (kind) {
    case "position":
      return store.position(ask.name);
    case "store":
      return store.store(ask);
    case "forget":
      return store.forget(ask.name, ask.below);
    case "event":
      return store.event(ask.id);
    case "record":
      return store.record(ask.id);
    case "find":
      return store.find(ask.reference);
    case "events":
      return store.events(ask);
    case "records":
      return store.records(ask);
    case "exportPage":
      return store.exportPage(ask);
    case "causes":
      return store.causes(ask.id);
    case "effects":
      return store.effects(ask.id);
    case "close":
      return store.close();
    default:
      return assertNever(kind);
  }
}

setInterval(() => memory.tick(), tickMs).unref();

parentPort?.on("message", (message: ToWorker) => {
  memory.worked();
  parentPort?.postMessage(replyTo(message));
});

function replyTo(message: ToWorker): FromWorker {
  const { number } = message;
  try {
    return { number, answer: answer(message) };
  } catch (error) {
    return { number, error: errorFrom(error) };
  }
}

function errorFrom(error: unknown): ProjectionError {
  if (error instanceof TerminalError) return { is: "too new", message: messageOf(error) };
  const { code, message } = failureOf(path, error);
  return { is: code === "STORE_FAILED" ? "damage" : "passing", message };
}
