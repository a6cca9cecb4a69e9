import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ApplicationStatus } from "../../src/api/application-types.ts";
import type { TestCluster } from "../harness/remote-cluster.ts";
import { waitFor } from "../harness/wait.ts";
import type { EngineSlot } from "./engine-slot.ts";

const path = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications";

interface Listed {
  readonly metadata: { readonly name: string };
  readonly status?: ApplicationStatus;
}

/** An engine was asked by a person, and writes that down itself, whoever has the Application. Milliseconds since 1970. */
export interface Asked {
  readonly engineId: string;
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

interface RollbackOrder {
  readonly cluster: TestCluster;
  readonly engines: readonly EngineSlot[];
  readonly name: string;
  /** Where it is noted who was asked. */
  readonly asked: Asked[];
}

/** An Application, and the commit that it shall be at. */
export interface Back {
  readonly name: string;
  readonly commit: string;
}

/** Whichever engine answers: a person asks again where none does. */
export async function askForRollback({ cluster, engines, name, asked }: RollbackOrder): Promise<Back> {
  const before = (await applications(cluster)).find(({ metadata }) => metadata.name === name);
  const target = before?.status?.history?.at(-2);
  if (target?.revision === undefined || target.id === undefined)
    throw new Error(`${name} has no deployment to go back to`);
  const { id, revision: commit } = target;
  await waitFor(
    `an engine to take the rollback of ${name}`,
    async () => {
      for (const engine of engines) {
        if (await isTaken(engine, name, id, asked)) return true;
        const now = (await applications(cluster)).find(({ metadata }) => metadata.name === name);
        // Killed before it could answer.
        if (now?.status?.operationState?.syncResult?.revision === commit) return true;
      }
      return false;
    },
    60_000,
  );
  return { name, commit };
}

async function isTaken(engine: EngineSlot, name: string, id: number, asked: Asked[]): Promise<boolean> {
  if (engine.serverUrl === undefined) return false;
  const from = Date.now();
  const response = await fetch(`${engine.serverUrl}/api/v1/applications/${name}/rollback`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${readFileSync(join(engine.dataDir, "token"), "utf8").trim()}`,
    },
    body: JSON.stringify({ id }),
    signal: AbortSignal.timeout(2_000),
  }).catch(() => undefined);
  await response?.body?.cancel();
  // One that stands still may do it when it goes on.
  asked.push({ engineId: engine.engineId, name, from, to: response === undefined ? from + 60_000 : Date.now() });
  return response?.status === 200;
}

export async function deleteApplication(cluster: TestCluster, name: string): Promise<void> {
  const { status } = await cluster.plane.call("DELETE", `${path}/${name}`);
  if (status !== 200) throw new Error(`the deletion of ${name} is answered with ${status}`);
}

export async function create(cluster: TestCluster, object: object | undefined): Promise<void> {
  const { status } = await cluster.plane.call("POST", path, object);
  if (status !== 201) throw new Error(`the creation of an Application is answered with ${status}`);
}

/** Those that are not synced to the commit (undefined: to any) after `patienceMs`. */
export function untilSynced(
  cluster: TestCluster,
  names: readonly string[],
  commit: string | undefined,
  patienceMs: number,
): Promise<readonly string[]> {
  return untilNone(names, patienceMs, async (left) => {
    for (const { metadata, status } of await applications(cluster)) {
      if (isSynced(status, commit ?? status?.sync?.revision)) left.delete(metadata.name);
    }
  });
}

function isSynced(status: ApplicationStatus | undefined, commit: string | undefined): boolean {
  const { sync } = status ?? {};
  return sync?.status === "Synced" && sync.revision === commit && isAt(status, commit);
}

function isAt(status: ApplicationStatus | undefined, commit: string | undefined): boolean {
  const { operationState } = status ?? {};
  return operationState?.phase === "Succeeded" && operationState.syncResult?.revision === commit;
}

/** Those whose operation has not gone back after `patienceMs`. */
export function untilRolledBack(
  cluster: TestCluster,
  backs: readonly Back[],
  patienceMs: number,
): Promise<readonly string[]> {
  const commits = new Map(backs.map(({ name, commit }) => [name, commit]));
  return untilNone([...commits.keys()], patienceMs, async (left) => {
    for (const { metadata, status } of await applications(cluster)) {
      if (isAt(status, commits.get(metadata.name))) left.delete(metadata.name);
    }
  });
}

/** Those that are there after `patienceMs`, they or what they made. */
export function untilGone(
  cluster: TestCluster,
  names: readonly string[],
  patienceMs: number,
): Promise<readonly string[]> {
  return untilNone(names, patienceMs, async (left) => {
    const there = new Set((await applications(cluster)).map(({ metadata }) => metadata.name));
    for (const name of left) {
      const made = await cluster.plane.call("GET", `/api/v1/namespaces/default/configmaps/${name}`);
      if (!there.has(name) && made.status === 404) left.delete(name);
    }
  });
}

async function untilNone(
  names: readonly string[],
  patienceMs: number,
  look: (left: Set<string>) => Promise<void>,
): Promise<readonly string[]> {
  const left = new Set(names);
  const isDone = async (): Promise<boolean> => {
    await look(left);
    return left.size === 0;
  };
  await waitFor("all of them", isDone, patienceMs).catch(() => undefined);
  return [...left];
}

async function applications(cluster: TestCluster): Promise<readonly Listed[]> {
  return ((await cluster.plane.call("GET", path)).body as { readonly items: readonly Listed[] }).items;
}
