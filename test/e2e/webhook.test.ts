import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { deliveries } from "../controllers/webhooks/bodies.ts";
import { startEngine } from "../harness/engine.ts";
import { git } from "../harness/git-repository.ts";
import { startGitServer } from "../harness/git-server.ts";
import { failOnLeaks } from "../harness/leaks.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { application, configMap } from "./gitops-scenario.ts";
import { writeManifests } from "./scenario.ts";

failOnLeaks();

/** The body with every address in it replaced by the one of the test's Git server. */
function bodyFor(body: object, url: string): string {
  return JSON.stringify(body, (key, value: unknown) =>
    ["html_url", "clone_url", "ssh_url", "web_url", "git_http_url", "git_ssh_url", "href", "remoteUrl"].includes(key)
      ? url
      : value,
  );
}

test("a signed push of each provider makes the engine look; a wrongly signed one does not", async () => {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempDir());
  const server = stack.use(await startGitServer());
  const pushUrl = server.server.pushUrlOf("shop");
  const url = server.server.urlOf("shop");
  const clone = join(folder.path, "clone");
  await server.server.createServedRepository("shop", { "README.md": "shop" });
  await git(folder.path, ["clone", "--quiet", pushUrl, clone]);
  const push = async (value: string): Promise<string> => {
    await writeFile(join(clone, "map.json"), JSON.stringify(configMap("web", value)));
    await git(clone, ["add", "-A"]);
    await git(clone, ["commit", "--quiet", "-m", value]);
    await git(clone, ["push", "--quiet", "origin", "HEAD:main"]);
    return git(clone, ["rev-parse", "HEAD"]);
  };
  await push("first");
  const stringData = Object.assign({}, ...deliveries.map(({ secrets }) => secrets)) as Record<string, string>;
  const data = Object.fromEntries(
    Object.entries(stringData).map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
  );
  const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "argocd-secret", namespace: "argocd" }, data };
  const source = { repoURL: url, path: ".", targetRevision: "main" };
  const dir = join(folder.path, "manifests");
  await writeManifests(dir, [secret, application("web", url, { source })]);
  const engine = stack.use(await startEngine({ dir, env: { ARGOCD_SYNC_WAVE_DELAY: "0" } }));
  const revision = async (): Promise<string> => {
    const answer = (await (await engine.api("/api/v1/applications/web")).json()) as {
      status?: { sync?: { status: string; revision: string } };
    };
    return answer.status?.sync?.status === "Synced" ? answer.status.sync.revision : "";
  };
  await waitFor("the first sync", async () => (await revision()) !== "");
  const post = (headers: Readonly<Record<string, string>>, body: string): Promise<Response> =>
    fetch(`${engine.endpoints.server}/api/webhook`, { method: "POST", headers, body });

  for (const [at, { provider, headers, body, sign }] of deliveries.entries()) {
    const before = await revision();
    const commit = await push(`${provider} ${at}`);
    const text = bodyFor(body, url);
    const refused = await post({ ...headers, ...sign(text, "wrong") }, text);
    assert.equal(refused.status, 400, provider);
    assert.equal(await revision(), before, `${provider}: nobody looked`);
    const taken = await post({ ...headers, ...sign(text, "s3cret") }, text);
    assert.deepEqual([taken.status, await taken.text()], [200, ""], provider);
    await waitFor(`the push of ${provider}`, async () => (await revision()) === commit, 10_000);
  }
  assert.equal((await post({ "user-agent": "curl" }, "{}")).status, 400);
  assert.equal((await fetch(`${engine.endpoints.server}/api/webhook`)).status, 405);
});
