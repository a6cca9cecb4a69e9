import { EngineError } from "../base/errors.ts";
import { readStoredEvent } from "../controllers/bus-directory.ts";
import { readBusUsage } from "../controllers/bus-usage.ts";
import { createEventSender } from "../controllers/event-sender.ts";
import type { SensorController } from "../controllers/sensor.ts";
import type { HookReceiver } from "../controllers/webhooks/hook-receiver.ts";
import type { CompiledSensor } from "../events/sensor/compile.ts";
import { stateBefore } from "../events/trial/state-before.ts";
import type { ListedKind, ListedRouteDeps } from "../server/listed-routes.ts";
import { openServer, type ServerOptions } from "../server/server.ts";
import { createWhy } from "../server/why.ts";
import { createAdmission } from "../validate/admission.ts";
import type { RunningGitOps } from "./gitops.ts";
import { host, type Parts } from "./parts.ts";
import { createReplayer } from "./replays.ts";
import type { TriggerTargets } from "./sensors.ts";
import { createWhatIf } from "./what-ifs.ts";

/** How long looking back for one question may take. */
const questionMs = 5_000;

/** What the API learns as the start goes on. */
export interface ApiState {
  notReady: string | undefined;
  sensors: () => readonly CompiledSensor[];
  pending: SensorController["pending"];
  /** Undefined: Sensors do not act yet. */
  targets: () => TriggerTargets | undefined;
  /** Undefined: not yet. */
  gitOpsRunning: () => RunningGitOps | undefined;
  /** Undefined: nothing can be stored yet. */
  webhooks: () => HookReceiver | undefined;
  lagOf: SensorController["lag"];
  listed: { readonly sensors: ListedKind; readonly sources: ListedKind };
}

/** Answers health checks from here on, questions once Sensors run, until everything else has stopped. */
export async function openApi(parts: Parts, state: Readonly<ApiState>) {
  const { config, stack, dataDir, metrics, log, projection, directory, clock } = parts;
  const why = createWhy({
    history: projection.history,
    sensors: () => state.sensors(),
    pending: ({ namespace, name }, event) => state.pending(namespace, name, event),
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
      ...(config.version === undefined ? {} : { version: config.version }),
      plugins: (config.rendering?.plugins ?? []).map(({ name }) => name),
      clock,
      admit: createAdmission(parts.kinds.schemas),
      history: projection.history,
      notReady: () => state.notReady,
      ...listedOf(state),
      why,
      send,
      ...applicationsOf(parts, state),
      webhooks: receiverOf(state),
      buses: () => readBusUsage(directory),
      replayer: createReplayer(parts, () => state.targets()),
      whatIf: createWhatIf(
        parts,
        () => state.sensors(),
        () => state.targets(),
      ),
      dead: {
        letters: parts.dead,
        redrive: (letter) => parts.redrives.request(letter),
        hasSensor: ({ namespace, name }) => state.listed.sensors.find(namespace, name) !== undefined,
      },
      log,
    }),
  );
}

/** As the kinds are known by then. */
function listedOf(state: Readonly<ApiState>): ListedRouteDeps {
  const kindOf = (which: "sensors" | "sources"): ListedKind => ({
    all: () => state.listed[which].all(),
    find: (namespace, name) => state.listed[which].find(namespace, name),
  });
  return {
    sensors: kindOf("sensors"),
    sources: kindOf("sources"),
    lagOf: (namespace, name) => state.lagOf(namespace, name),
  };
}

function receiverOf(state: Readonly<ApiState>): HookReceiver {
  const receiver = (): HookReceiver => {
    const webhooks = state.webhooks();
    if (webhooks !== undefined) return webhooks;
    throw new EngineError("ENGINE_UNREACHABLE", "the engine is starting: send it again");
  };
  return { maxBytes: async () => receiver().maxBytes(), take: async (request) => receiver().take(request) };
}

type OfApplications =
  | "applications"
  | "edits"
  | "looks"
  | "watch"
  | "actions"
  | "control"
  | "explain"
  | "holds"
  | "revert";

/** The API answers from the start on; Applications are there a little later. */
function applicationsOf({ kube }: Parts, state: Readonly<ApiState>): Pick<ServerOptions, OfApplications> {
  const running = (): RunningGitOps => {
    const found = state.gitOpsRunning();
    if (found !== undefined) return found;
    throw new EngineError(
      "ENGINE_UNREACHABLE",
      "Applications are not read yet, or another engine on this bus has them: ask that one",
    );
  };
  return {
    applications: {
      list: () => running().applications.list(),
      find: (namespace, name) => running().applications.find(namespace, name),
      sync: (ref, operation) => running().applications.sync(ref, operation),
      refresh: (ref, hard) => running().applications.refresh(ref, hard),
      sensor: (ref) => running().applications.sensor(ref),
    },
    edits: {
      create: (object, options) => running().edits.create(object, options),
      change: (ref, change, options) => running().edits.change(ref, change, options),
      delete: (ref, options) => running().edits.delete(ref, options),
      terminate: (ref) => running().edits.terminate(ref),
    },
    looks: {
      manifests: (ref, revisions) => running().looks.manifests(ref, revisions),
      manifestsOf: (ref, archive) => running().looks.manifestsOf(ref, archive),
      managed: (ref) => running().looks.managed(ref),
      tree: (ref) => running().looks.tree(ref),
      liveTree: (ref) => running().looks.liveTree(ref),
      cluster: (ref) => running().looks.cluster(ref),
      maskedAnnotations: () => running().looks.maskedAnnotations(),
      windows: (ref) => running().looks.windows(ref),
      commit: (ref, revision, index) => running().looks.commit(ref, revision, index),
      chart: (ref, revision, index) => running().looks.chart(ref, revision, index),
      artifact: (ref, revision, index) => running().looks.artifact(ref, revision, index),
    },
    watch: (listener) => running().watch(listener),
    revert: (ref, wish) => running().revert(ref, wish),
    explain: (ref, commit) => running().explain(ref, commit),
    holds: {
      list: () => running().holds.list(running().applications.list()),
      place: (hold) => running().holds.place(hold),
      end: (scope) => running().holds.end(scope),
    },
    actions: {
      list: (...asked) => running().actions.list(...asked),
      run: (...asked) => running().actions.run(...asked),
    },
    control: {
      kube,
      clusters: () => running().clusters(),
      testRepository: (repository) => running().testRepository(repository),
      repositories: {
        refs: (...asked) => running().repositories.refs(...asked),
        tags: (...asked) => running().repositories.tags(...asked),
        charts: (...asked) => running().repositories.charts(...asked),
        apps: (...asked) => running().repositories.apps(...asked),
        details: (...asked) => running().repositories.details(...asked),
      },
    },
  };
}
