import { EngineError } from "../base/errors.ts";
import type { ApplicationDoor } from "../controllers/applications/application-access.ts";
import { readStoredEvent } from "../controllers/bus-directory.ts";
import { readBusUsage } from "../controllers/bus-usage.ts";
import { createEventSender } from "../controllers/event-sender.ts";
import type { HookReceiver } from "../controllers/webhooks/hook-receiver.ts";
import type { CompiledSensor } from "../events/sensor/compile.ts";
import { stateBefore } from "../events/trial/state-before.ts";
import type { ListedResource } from "../server/history-routes.ts";
import { openServer } from "../server/server.ts";
import { createWhy } from "../server/why.ts";
import { admit } from "../validate/admission.ts";
import { host, type Parts } from "./parts.ts";
import { createReplayer } from "./replays.ts";
import type { TriggerTargets } from "./sensors.ts";

/** How long looking back for one question may take. */
const questionMs = 5_000;

/** What the API learns as the start goes on. */
export interface ApiState {
  notReady: string | undefined;
  sensors: () => readonly CompiledSensor[];
  /** Undefined: Sensors do not act yet. */
  targets: () => TriggerTargets | undefined;
  /** Undefined: not yet. */
  applications: () => ApplicationDoor | undefined;
  /** Undefined: nothing can be stored yet. */
  webhooks: () => HookReceiver | undefined;
  listed: { readonly sensors: () => readonly ListedResource[]; readonly sources: () => readonly ListedResource[] };
}

/** Answers health checks from here on, questions once Sensors run, until everything else has stopped. */
export async function openApi(parts: Parts, state: Readonly<ApiState>) {
  const { config, stack, dataDir, metrics, log, projection, directory, clock } = parts;
  const why = createWhy({
    history: projection.history,
    sensors: () => state.sensors(),
    readEvent: (head) => readStoredEvent(directory, head),
    async stateBefore(compiled, head) {
      const handle = directory.find(head.bus);
      return handle && stateBefore(compiled, handle, head, AbortSignal.timeout(questionMs));
    },
  });
  const send = createEventSender(directory, clock);
  const { token } = dataDir;
  return stack.use(
    await openServer({
      host,
      port: config.port,
      token,
      metrics,
      admit,
      history: projection.history,
      notReady: () => state.notReady,
      sensors: () => state.listed.sensors(),
      sources: () => state.listed.sources(),
      why,
      send,
      applications: doorOf(state),
      webhooks: receiverOf(state),
      buses: () => readBusUsage(directory),
      replayer: createReplayer(parts, () => state.targets()),
      dead: {
        letters: parts.dead,
        redrive: (letter) => parts.redrives.request(letter),
        hasSensor: ({ namespace, name }) =>
          state.listed.sensors().some((one) => one.namespace === namespace && one.name === name),
      },
      log,
    }),
  );
}

function receiverOf(state: Readonly<ApiState>): HookReceiver {
  const receiver = (): HookReceiver => {
    const webhooks = state.webhooks();
    if (webhooks !== undefined) return webhooks;
    throw new EngineError("ENGINE_UNREACHABLE", "the engine is starting: send it again");
  };
  return { maxBytes: async () => receiver().maxBytes(), take: async (request) => receiver().take(request) };
}

/** The API answers from the start on; Applications are there a little later. */
function doorOf(state: Readonly<ApiState>): ApplicationDoor {
  const door = (): ApplicationDoor => {
    const applications = state.applications();
    if (applications !== undefined) return applications;
    throw new EngineError(
      "ENGINE_UNREACHABLE",
      "Applications are not read yet, or another engine on this bus has them: ask that one",
    );
  };
  return {
    list: () => door().list(),
    find: (namespace, name) => door().find(namespace, name),
    sync: (ref, operation) => door().sync(ref, operation),
    refresh: (ref, hard) => door().refresh(ref, hard),
    sensor: (ref) => door().sensor(ref),
  };
}
