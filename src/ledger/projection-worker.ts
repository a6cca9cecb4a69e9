import { parentPort, workerData } from "node:worker_threads";
import { assertNever, messageOf, TerminalError } from "../base/errors.ts";
import type { Asked, FromWorker, ToWorker } from "./projection-protocol.ts";
import { ProjectionStore } from "./projection-store.ts";

const store = new ProjectionStore((workerData as { readonly path: string }).path);

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

parentPort?.on("message", (message: ToWorker) => {
  parentPort?.postMessage(replyTo(message));
});

function replyTo(message: ToWorker): FromWorker {
  const { number } = message;
  try {
    return { number, answer: answer(message) };
  } catch (error) {
    return { number, error: { message: messageOf(error), isTooNew: error instanceof TerminalError } };
  }
}
