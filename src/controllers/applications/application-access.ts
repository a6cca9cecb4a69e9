import { type Clock, sleepFor } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { refreshAnnotation } from "../../gitops/reconcile/refresh-needed.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { ResourceName } from "../../record/records.ts";
import type { ApplicationController } from "./application.ts";
import { applicationSensor } from "./application-sensor.ts";
import { type ApplicationStore, conflictUnless, readApplication } from "./application-store.ts";

/** Applications as the API shows and changes them. */
export interface ApplicationDoor {
  list(): readonly KubeObject[];
  find(namespace: string, name: string): KubeObject | undefined;
  /** @throws EngineError SYNC_REFUSED while another operation is in progress; NOT_FOUND */
  sync(ref: ResourceName, operation: JsonObject): Promise<KubeObject>;
  /** Resolves when it was compared anew. @throws EngineError NOT_FOUND */
  refresh(ref: ResourceName, hard: boolean): Promise<KubeObject>;
  /** @throws EngineError NOT_FOUND, MANIFEST_INVALID */
  sensor(ref: ResourceName): JsonObject;
}

const writeTimeoutMs = 30_000;
/** How long the engine that has the Application may take; longer than it takes another to follow one that died. */
const refreshTimeoutMs = 60_000;
const refreshPollMs = 50;
/** While others write all the time. */
const maxAttempts = 10;

export interface ApplicationDoorDeps {
  readonly store: ApplicationStore;
  readonly controller: Pick<ApplicationController, "has" | "offerLocal">;
  readonly clock: Clock;
}

/** The door of any engine, whichever has the Application. */
export function createApplicationDoor({ store, controller, clock }: ApplicationDoorDeps): ApplicationDoor {
  function known(ref: ResourceName): KubeObject {
    const object = store.find(keyOf(ref));
    if (object !== undefined) return object;
    throw notFound(ref);
  }

  async function askByAnnotation(application: string, hard: boolean): Promise<void> {
    const signal = AbortSignal.timeout(refreshTimeoutMs);
    const asked = { [refreshAnnotation]: hard ? "hard" : "normal" };
    if ((await store.annotate(application, asked, signal)) === undefined) return;
    while (store.find(application)?.metadata.annotations?.[refreshAnnotation] !== undefined) {
      if (signal.aborted) throw new EngineError("ENGINE_UNREACHABLE", notAnswered(application));
      await sleepFor(clock, refreshPollMs, signal).catch(() => undefined);
    }
  }

  return {
    list: () => store.list(),
    find: (namespace, name) => store.find(`${namespace}/${name}`),
    async sync(ref, operation) {
      const signal = AbortSignal.timeout(writeTimeoutMs);
      const patch = { operation, status: { operationState: null } };
      let object: KubeObject | undefined = known(ref);
      for (let attempt = 1; object !== undefined; attempt++) {
        if (object.operation !== undefined && object.operation !== null) throw inProgress();
        const written: KubeObject | "conflict" | undefined = await store
          .patch(keyOf(ref), patch, signal, object.metadata.resourceVersion)
          .catch((error: unknown) => conflictUnless(attempt === maxAttempts, error));
        if (written !== "conflict") return written ?? known(ref);
        object = await store.read(keyOf(ref), signal);
      }
      throw notFound(ref);
    },
    async refresh(ref, hard) {
      known(ref);
      const application = keyOf(ref);
      const what = hard ? "a person asks to render anew" : "a person asks to compare anew";
      const reason = {
        reason: "spec" as const,
        application,
        id: `refresh/${application}`,
        what,
        level: 3 as const,
        hard,
      };
      if (controller.has(application)) await controller.offerLocal(reason);
      // Of another engine, or handed over meanwhile: it is asked as anybody asks, by the annotation.
      if (!controller.has(application)) await askByAnnotation(application, hard);
      return known(ref);
    },
    sensor(ref) {
      const application = readApplication(known(ref));
      if ("problem" in application) throw new EngineError("MANIFEST_INVALID", application.problem);
      return applicationSensor(application);
    },
  };
}

function keyOf({ namespace, name }: ResourceName): string {
  return `${namespace}/${name}`;
}

function notAnswered(application: string): string {
  return `Application ${application} was not compared within ${refreshTimeoutMs / 1_000} s by the engine that has it`;
}

function inProgress(): EngineError {
  return new EngineError("SYNC_REFUSED", "another operation is already in progress");
}

function notFound({ namespace, name }: ResourceName): EngineError {
  return new EngineError("NOT_FOUND", `there is no Application "${name}" in namespace "${namespace}"`);
}
