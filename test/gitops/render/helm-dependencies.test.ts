import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer, request as startRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { anonymousAccess } from "../../../src/gitops/source/source.ts";
import { startHelmServer } from "../../harness/helm-repository.ts";
import { ociRegistryMissing, startOciRegistry } from "../../harness/oci-registry.ts";
import { renderToolsMissing, runTool } from "../../harness/render-tools.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { chart } from "./charts.ts";
import { namesOf, openRenderRig } from "./rig.ts";

const skip = renderToolsMissing("helm");
const login = { username: "me", password: "pa ss:wörd" };
const map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: below}\n";

const needing = (url: string): string =>
  `apiVersion: v2\nname: shown\nversion: 1.2.3\ndependencies: [{name: below, version: "0.1.x", repository: "${url}"}]\n`;

test("a dependency comes from a private repository with what users declared for it", { skip }, async () => {
  await using charts = await startHelmServer(`${login.username}:${login.password}`);
  charts.publish("below", "0.1.0", { "templates/m.yaml": map });
  const { url } = charts;
  let basic: typeof login | undefined = login;
  const access = (repository: string) =>
    repository === url && basic !== undefined ? { ...anonymousAccess, basic } : anonymousAccess;
  await using rig = await openRenderRig(["helm"], { access });
  const commit = await rig.repository.commit({ ...chart, "app/Chart.yaml": needing(url) });
  assert.ok(namesOf(await rig.render(commit)).includes("below"));
  basic = { ...login, password: "wrong-one" };
  await assert.rejects(rig.render(commit, {}, { hard: true }), (error: Error) => {
    assert.match(error.message, /`helm repo add` failed .*401/);
    assert.doesNotMatch(error.message, /wrong-one/);
    return true;
  });
  basic = undefined;
  await assert.rejects(rig.render(commit, {}, { hard: true }), { message: /401/ });
});

test("what one project may read is not kept for another", { skip }, async () => {
  await using charts = await startHelmServer(`${login.username}:${login.password}`);
  charts.publish("below", "0.1.0", { "templates/m.yaml": map });
  const { url } = charts;
  const access = (repository: string, project: string) =>
    repository === url && project === "mine" ? { ...anonymousAccess, scope: "mine", basic: login } : anonymousAccess;
  await using rig = await openRenderRig(["helm"], { access });
  const commit = await rig.repository.commit({ ...chart, "app/Chart.yaml": needing(url) });
  assert.ok(namesOf(await rig.render(commit, {}, { project: "mine" })).includes("below"));
  await assert.rejects(rig.render(commit, {}, { project: "other", appName: "other", instance: "other" }), {
    message: /401/,
  });
  await assert.rejects(rig.render(commit, {}, { project: "other" }), { message: /401/ });
});

/** A registry behind a door that wants a password. */
async function startPrivateRegistry() {
  await using stack = new AsyncDisposableStack();
  const registry = stack.use(await startOciRegistry());
  const expected = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString("base64")}`;
  const server = createServer((incoming, outgoing) => {
    const { method, url: path, headers } = incoming;
    if (headers.authorization !== expected) {
      return void outgoing.writeHead(401, { "www-authenticate": 'Basic realm="registry"' }).end();
    }
    const [host, port] = registry.host.split(":");
    const onward = startRequest({ host, port, method, path, headers });
    onward.on("response", (from) => from.pipe(outgoing.writeHead(from.statusCode ?? 500, from.headers)));
    incoming.pipe(onward);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(() => void server.close());
  stack.defer(() => server.closeAllConnections());
  const owned = stack.move();
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { open: registry.host, host, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

test("a dependency comes from a private registry", { skip: skip ?? ociRegistryMissing() }, async () => {
  await using registry = await startPrivateRegistry();
  await using folder = await tempDir();
  await mkdir(join(folder.path, "below/templates"), { recursive: true });
  await writeFile(join(folder.path, "below/Chart.yaml"), "apiVersion: v2\nname: below\nversion: 0.1.0\n");
  await writeFile(join(folder.path, "below/templates/m.yaml"), map);
  await runTool("helm", ["package", "below"], folder.path);
  await runTool("helm", ["push", "below-0.1.0.tgz", `oci://${registry.open}/charts`, "--plain-http"], folder.path);
  // As users declare it: without the scheme.
  const declared = `${registry.host}/charts`;
  const access = (repository: string) =>
    repository === declared ? { ...anonymousAccess, basic: login, isOci: true, isPlainHttp: true } : anonymousAccess;
  await using rig = await openRenderRig(["helm"], { access });
  const commit = await rig.repository.commit({ ...chart, "app/Chart.yaml": needing(`oci://${declared}`) });
  assert.ok(namesOf(await rig.render(commit)).includes("below"));
});
