import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, Option } from "commander";
import type { Application } from "../../api/application-types.ts";
import { syncOptionProblems } from "../../api/sync-options.ts";
import { systemClock } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { createClaims } from "../../gitops/reconcile/claims.ts";
import { type Place, placeOf } from "../../gitops/reconcile/destination.ts";
import { createMemory, type Look, type LookDeps, lookAt } from "../../gitops/reconcile/look.ts";
import { planOf, refusalBy } from "../../gitops/reconcile/operate.ts";
import { type PlanAnswer, planAnswer, planText } from "../../gitops/reconcile/plan-answer.ts";
import type { TargetDeps } from "../../gitops/reconcile/target.ts";
import { checkTasks } from "../../gitops/sync/preflight.ts";
import { openSources } from "../diff/desired.ts";
import { globalFlags, readEndpoints } from "../engine-client.ts";
import { print } from "../output.ts";
import { clusterSettings, type DeclaredFlags, readDeclared, withDeclaredFlags } from "../render/declared.ts";
import { type RenderingFlags, withRenderingFlags } from "../rendering-flags.ts";
import { readApplicationFile } from "./application-file.ts";
import { openDestination } from "./destination.ts";

interface PlanFlags extends RenderingFlags, DeclaredFlags {
  readonly kubeconfig?: string;
  readonly revision?: string;
  readonly prune: boolean;
  readonly force: boolean;
  readonly strategy: "apply" | "hook";
  readonly syncOption: readonly string[];
}

const timeoutMs = 120_000;

/** `tiphys sync plan APP.yaml`: the ordered steps of a sync, without running them. */
export function planCommand(): Command {
  const command = new Command("plan")
    .description(
      "The ordered steps of a sync of the Application in a file: hooks, waves, kinds and prunes. Nothing is written.\n" +
        "Live state is that of --kubeconfig, KUBECONFIG or the engine on the data directory; else nothing is live.\n" +
        "Exit code: 0 it could be run, 1 something is in the way.",
    )
    .argument("<file>", "YAML with one Application, and its AppProject if it is not in the cluster")
    .option("--kubeconfig <file>", "the cluster to compare with: its current context")
    .option("--revision <revision>", "in place of the source's targetRevision")
    .option("--prune", "delete what the source lacks, also where syncPolicy.automated.prune does not say so", false)
    .option("--force", "delete and create again what cannot be changed", false)
    .addOption(new Option("--strategy <strategy>", "apply leaves hooks out").choices(["apply", "hook"]).default("hook"))
    .option("--sync-option <Key=value>", "beside those of the Application; may be repeated", collect, []);
  return withDeclaredFlags(withRenderingFlags(command), clusterSettings).action(
    async (file: string, flags: PlanFlags, self: Command) => {
      const global = globalFlags(self);
      const { dataDir } = global;
      const kubeconfig = flags.kubeconfig ?? process.env.KUBECONFIG ?? readEndpoints(dataDir)?.kubeconfig;
      const ignored = syncOptionProblems(flags.syncOption, "--sync-option");
      for (const { message, suggestion } of ignored)
        process.stderr.write(`warning: --sync-option: ${[message, suggestion].filter(Boolean).join("; ")}\n`);
      if (kubeconfig === undefined)
        process.stderr.write(
          `note: no --kubeconfig, no KUBECONFIG, and no engine on "${dataDir}": nothing counts as live\n`,
        );
      const answer = await makePlan(file, flags, { kubeconfig, dataDir }, AbortSignal.timeout(timeoutMs));
      print(global, answer, { text: planText });
      if (answer.problems.length > 0 || answer.blocked !== undefined) process.exitCode = 1;
    },
  );
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

async function makePlan(
  file: string,
  flags: PlanFlags,
  { kubeconfig, dataDir }: { readonly kubeconfig: string | undefined; readonly dataDir: string },
  signal: AbortSignal,
): Promise<PlanAnswer> {
  const { application, projects } = await readApplicationFile(file, {});
  const asked = await readApplicationFile(file, syncOf(application, flags));
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "tiphys-plan-"));
  stack.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  const { destination, project } = application;
  const given = await readDeclared(flags);
  const { directory, settings, declared } = stack.use(
    await openDestination({ kubeconfig, folder, declared: given }, destination, project, projects, signal),
  );
  const place = placeOf(asked.application, directory);
  if ("problems" in place) throw new EngineError("MANIFEST_INVALID", place.problems.join("; "));
  await using sources = await openSources(flags, dataDir, declared);
  const look = await lookOnce(
    asked.application,
    place,
    flags.revision,
    { ...sources, settings: () => settings },
    signal,
  );
  return describe(asked.application, place, look, signal);
}

/** The operation that a sync by hand would be. */
function syncOf({ syncPolicy }: Application, flags: PlanFlags): JsonObject {
  const prune = flags.prune || syncPolicy.automated?.prune === true;
  return {
    prune,
    syncOptions: [...flags.syncOption, ...syncPolicy.syncOptions],
    syncStrategy: { [flags.strategy]: { force: flags.force } },
  };
}

async function lookOnce(
  application: Application,
  place: Place,
  revision: string | undefined,
  given: TargetDeps & Pick<LookDeps, "settings">,
  signal: AbortSignal,
): Promise<Look> {
  const deps: LookDeps = {
    ...given,
    claims: createClaims(),
    clock: systemClock,
    isApplication: () => false,
    metrics: { comparedObjects: { add: () => undefined } },
  };
  const request = { level: 3 as const, hard: false, seen: [] };
  const revisions = revision === undefined ? [] : [revision];
  return await lookAt(application, place, request, revisions, createMemory(), deps, signal);
}

async function describe(application: Application, place: Place, look: Look, signal: AbortSignal): Promise<PlanAnswer> {
  const clock = systemClock;
  const now = clock.now();
  const { sync } = application.operation ?? {};
  if (sync === undefined) throw new Error("the operation was made here");
  const plan = await planOf(application, place, look, { sync, isAutomated: false, startedAt: now }, clock, signal);
  const { kube } = place.cluster;
  const tasks = [...plan.steps, ...plan.onFailure].flatMap((step) => step.tasks);
  const asked = { kube, clock, syncOptions: sync.syncOptions, signal };
  const { invalid } = await checkTasks(tasks, refusalBy(application, place), asked);
  return planAnswer({ application, place, look, plan, invalid, now });
}
