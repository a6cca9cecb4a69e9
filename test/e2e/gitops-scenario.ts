import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { applicationStatusSchema } from "../../src/api/application-status-schema.ts";
import type { ApplicationStatus } from "../../src/api/application-types.ts";
import { readFields } from "../../src/api/fields.ts";
import type { JsonObject } from "../../src/base/json.ts";
import { createSchema, type Problem } from "../../src/base/schema.ts";
import { type RunningEngine, startEngine } from "../harness/engine.ts";
import { freePort } from "../harness/free-port.ts";
import { git } from "../harness/git-repository.ts";
import { kubectlPath, type RunResult, run } from "../harness/run.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { writeManifests } from "./scenario.ts";

/** Path → text, or an object that is written as JSON (which is YAML). */
export type RepositoryFiles = Readonly<Record<string, string | object>>;

export interface GitOpsOptions {
  /** Arguments for the bus, and others. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Served repositories by name. */
  readonly repositories: Readonly<Record<string, RepositoryFiles>>;
  /** Manifests; `urlOf` is what Applications name a repository. */
  readonly manifests: (urlOf: (repository: string) => string) => readonly object[];
}

export interface Resource {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly creationTimestamp: string;
    readonly deletionTimestamp?: string;
  };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status?: JsonObject;
}

const statusShape = createSchema<ApplicationStatus>(applicationStatusSchema);

/** An engine that serves repositories and keeps Applications at them, with what a user has at hand: kubectl and git. */
export class GitOpsScenario implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  readonly #folder: string;
  readonly #dir: string;
  readonly #args: readonly string[];
  readonly #port: number;
  readonly #env: Readonly<Record<string, string>>;
  #engine: RunningEngine | undefined;

  private constructor(
    folder: string,
    dir: string,
    args: readonly string[],
    port: number,
    env: Readonly<Record<string, string>> = {},
  ) {
    this.#env = env;
    this.#folder = folder;
    this.#dir = dir;
    this.#args = [...args, "--git-port", String(port)];
    this.#port = port;
  }

  static async start({ args = [], env, repositories, manifests }: GitOpsOptions): Promise<GitOpsScenario> {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await tempDir());
    const port = await freePort();
    const dir = join(folder.path, "manifests");
    await writeManifests(
      dir,
      manifests((name) => `http://127.0.0.1:${port}/${name}.git`),
    );
    for (const [name, files] of Object.entries(repositories)) await writeFiles(join(dir, "repositories", name), files);
    return GitOpsScenario.#of(stack, new GitOpsScenario(folder.path, dir, args, port, env));
  }

  /** With manifests that are there; `port` is that of the Git server. */
  static async startIn(dir: string, args: readonly string[], port: number): Promise<GitOpsScenario> {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await tempDir());
    return GitOpsScenario.#of(stack, new GitOpsScenario(folder.path, dir, args, port));
  }

  static async #of(stack: AsyncDisposableStack, scenario: GitOpsScenario): Promise<GitOpsScenario> {
    scenario.#stack.use(stack.move());
    scenario.#stack.defer(() => scenario.#engine?.[Symbol.asyncDispose]());
    await scenario.restart().catch(async (error: unknown) => {
      await scenario.#stack.disposeAsync();
      throw error;
    });
    return scenario;
  }

  get engine(): RunningEngine {
    assert.ok(this.#engine, "the engine has not been started");
    return this.#engine;
  }

  /** What Applications name a repository. */
  urlOf(repository: string): string {
    return `http://127.0.0.1:${this.#port}/${repository}.git`;
  }

  /** Starts it on the same data; one that runs is killed. */
  async restart(): Promise<void> {
    await this.#engine?.[Symbol.asyncDispose]();
    const env = { ARGOCD_SYNC_WAVE_DELAY: "0", ...this.#env };
    this.#engine = await startEngine({ dir: this.#dir, dataDir: join(this.#folder, "data"), args: this.#args, env });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  tryKubectl(args: readonly string[], input?: object): Promise<RunResult> {
    const cache = ["--cache-dir", join(this.#folder, "kube-cache")];
    const all = ["--kubeconfig", this.engine.endpoints.kubeconfig, ...cache, ...args];
    return run(kubectlPath() ?? "kubectl", all, input === undefined ? {} : { input: JSON.stringify(input) });
  }

  async kubectl(args: readonly string[], input?: object): Promise<string> {
    const { code, stdout, stderr } = await this.tryKubectl(args, input);
    assert.equal(code, 0, `kubectl ${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  /** Undefined when there is none. */
  async find(kind: string, name: string, namespace = "default"): Promise<Resource | undefined> {
    const text = await this.kubectl(["get", kind, name, "-n", namespace, "-o", "json", "--ignore-not-found"]);
    return text === "" ? undefined : (JSON.parse(text) as Resource);
  }

  async list(kind: string, namespace = "default"): Promise<readonly Resource[]> {
    return JSON.parse(await this.kubectl(["get", kind, "-n", namespace, "-o", "json"])).items;
  }

  async status(application: string): Promise<ApplicationStatus> {
    const status = (await this.find("application", application, "argocd"))?.status ?? {};
    const problems: Problem[] = [];
    readFields(status, applicationStatusSchema, "status", problems);
    assert.deepEqual([...problems, ...statusShape.check(status, "status")], [], "what is written is in the schema");
    return status;
  }

  /** The status of the Application once `isSo` holds; on failure the error shows the last one. */
  async waitForStatus(
    application: string,
    what: string,
    isSo: (status: ApplicationStatus) => boolean,
    deadlineMs?: number,
  ): Promise<ApplicationStatus> {
    let last: ApplicationStatus = {};
    const probe = async (): Promise<ApplicationStatus | undefined> => {
      last = await this.status(application);
      return isSo(last) ? last : undefined;
    };
    return waitFor(`${application} ${what}`, probe, deadlineMs).catch((error: unknown) => {
      throw new Error(`${String(error)}; its status is ${JSON.stringify(last, undefined, 1)}`, { cause: error });
    });
  }

  /** Synced at the commit (whichever, by default), healthy, with no operation under way. */
  waitForSynced(application: string, revision?: string, deadlineMs?: number): Promise<ApplicationStatus> {
    return this.waitForStatus(
      application,
      `Synced and Healthy${revision === undefined ? "" : ` at ${revision}`}`,
      ({ sync, health, operationState }) =>
        sync?.status === "Synced" &&
        health?.status === "Healthy" &&
        operationState?.phase === "Succeeded" &&
        (revision === undefined || sync.revision === revision),
      deadlineMs,
    );
  }

  /** `git clone` with the URL that may push. */
  async clone(repository: string, folder = repository): Promise<WorkingCopy> {
    const url = new URL(this.engine.endpoints.git ?? "");
    url.pathname = `/${repository}.git`;
    return this.cloneOf(url.href, folder);
  }

  /** Of any server. */
  async cloneOf(url: string, folder: string): Promise<WorkingCopy> {
    await git(this.#folder, ["clone", "--quiet", url, folder]);
    return new WorkingCopy(join(this.#folder, folder));
  }
}

/** A clone of a served repository. */
export class WorkingCopy {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  git(...args: string[]): Promise<string> {
    return git(this.path, args);
  }

  /** Commits all changes: files that are written, and removed where they are `undefined`. Gives the commit. */
  async commit(files: Readonly<Record<string, string | object | undefined>>): Promise<string> {
    for (const [path, content] of Object.entries(files)) {
      if (content === undefined) await rm(join(this.path, path));
      else await writeFiles(this.path, { [path]: content });
    }
    await this.git("add", "-A");
    await this.git("commit", "--quiet", "-m", `Change ${Object.keys(files).join(", ")}`);
    return this.git("rev-parse", "HEAD");
  }

  async push(...args: string[]): Promise<void> {
    await this.git("push", "--quiet", ...(args.length === 0 ? ["origin", "HEAD"] : args));
  }

  /** Gives the commit, which is pushed. */
  async commitAndPush(files: Readonly<Record<string, string | object | undefined>>): Promise<string> {
    const commit = await this.commit(files);
    await this.push();
    return commit;
  }
}

async function writeFiles(folder: string, files: RepositoryFiles): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, typeof content === "string" ? content : `${JSON.stringify(content, undefined, 2)}\n`);
  }
}

/** An Application that syncs by itself, prunes and heals; `fields` go into its spec. */
export function application(name: string, repoURL: string, fields: object = {}, metadata: object = {}): object {
  return {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Application",
    metadata: { name, namespace: "argocd", ...metadata },
    spec: {
      project: "default",
      source: { repoURL, path: ".", targetRevision: "HEAD" },
      destination: { server: "https://kubernetes.default.svc", namespace: "default" },
      syncPolicy: { automated: { prune: true, selfHeal: true } },
      ...fields,
    },
  };
}

export function configMap(name: string, value: string, annotations: Readonly<Record<string, string>> = {}): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, annotations }, data: { value } };
}
