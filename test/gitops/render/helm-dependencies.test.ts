import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse, request as startRequest } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../../src/base/clock.ts";
import { anonymousAccess } from "../../../src/gitops/source/source.ts";
import { ensureCertificate } from "../../../src/local/certificate.ts";
import { createClientCertificate } from "../../harness/client-certificate.ts";
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
  await using folder = await tempDir();
  const server = await ensureCertificate(folder.path, systemClock);
  const client = await createClientCertificate();
  await using charts = await startHelmServer(`${login.username}:${login.password}`, {
    ...server,
    clientCa: client.cert,
  });
  charts.publish("below", "0.1.0", { "templates/m.yaml": map });
  const { url } = charts;
  let basic: typeof login | undefined = login;
  let tls = { isInsecure: false, authorities: server.cert, certificate: client.cert, key: client.key };
  const access = (repository: string) =>
    repository === url && basic !== undefined ? { ...anonymousAccess, basic, tls } : anonymousAccess;
  await using rig = await openRenderRig(["helm"], { access });
  const commit = await rig.repository.commit({ ...chart, "app/Chart.yaml": needing(url) });
  assert.ok(namesOf(await rig.render(commit)).includes("below"));
  basic = { ...login, password: "wrong-one" };
  await assert.rejects(rig.render(commit, {}, { hard: true }), (error: Error) => {
    assert.match(error.message, /`helm repo add` failed .*401/);
    assert.doesNotMatch(error.message, /wrong-one/);
    return true;
  });
  basic = login;
  tls = { ...tls, authorities: client.cert };
  await assert.rejects(rig.render(commit, {}, { hard: true }), { message: /certificate signed by unknown authority/ });
  basic = undefined;
  await assert.rejects(rig.render(commit, {}, { hard: true }), { message: /`helm repo add` failed/ });
});

test("passCredentials: other hosts get them, too, where the Application says so", { skip }, async () => {
  const password = `${login.username}:${login.password}`;
  await using charts = await startHelmServer(password);
  await using other = await startHelmServer(password);
  const archive = other.publish("below", "0.1.0", { "templates/m.yaml": map });
  charts.publish("below", "0.1.0", {}, { archive, url: `${other.url}/below-0.1.0.tgz` });
  const access = () => ({ ...anonymousAccess, basic: login });
  await using rig = await openRenderRig(["helm"], { access });
  const commit = await rig.repository.commit({ ...chart, "app/Chart.yaml": needing(charts.url) });
  await assert.rejects(rig.render(commit), { message: /401/ });
  assert.ok(namesOf(await rig.render(commit, { helm: { passCredentials: true } })).includes("below"));
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

/** A registry behind two doors that want a password: one over TLS. */
async function startPrivateRegistry(certificate: { readonly cert: string; readonly key: string }) {
  await using stack = new AsyncDisposableStack();
  const registry = stack.use(await startOciRegistry());
  const expected = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString("base64")}`;
  const answer = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const { method, url: path, headers } = incoming;
    if (headers.authorization !== expected) {
      return void outgoing.writeHead(401, { "www-authenticate": 'Basic realm="registry"' }).end();
    }
    const [host, port] = registry.host.split(":");
    const onward = startRequest({ host, port, method, path, headers });
    onward.on("response", (from) => from.pipe(outgoing.writeHead(from.statusCode ?? 500, from.headers)));
    incoming.pipe(onward);
  };
  const hosts: string[] = [];
  for (const server of [createServer(answer), createTlsServer(certificate, answer)]) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    stack.defer(() => void server.close());
    stack.defer(() => server.closeAllConnections());
    hosts.push(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  }
  const owned = stack.move();
  const [plain = "", secure = ""] = hosts;
  return { open: registry.host, plain, secure, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

test("a dependency comes from a private registry, also over TLS", { skip: skip ?? ociRegistryMissing() }, async () => {
  await using folder = await tempDir();
  const { cert, key } = await ensureCertificate(folder.path, systemClock);
  await using registry = await startPrivateRegistry({ cert, key });
  await mkdir(join(folder.path, "below/templates"), { recursive: true });
  await writeFile(join(folder.path, "below/Chart.yaml"), "apiVersion: v2\nname: below\nversion: 0.1.0\n");
  await writeFile(join(folder.path, "below/templates/m.yaml"), map);
  await runTool("helm", ["package", "below"], folder.path);
  await runTool("helm", ["push", "below-0.1.0.tgz", `oci://${registry.open}/charts`, "--plain-http"], folder.path);
  // As users declare it: without the scheme.
  const declared: Readonly<Record<string, object>> = {
    [`${registry.plain}/charts`]: { isPlainHttp: true },
    [`${registry.secure}/charts`]: { tls: { isInsecure: false, authorities: cert } },
  };
  const access = (repository: string) =>
    Object.hasOwn(declared, repository)
      ? { ...anonymousAccess, basic: login, isOci: true, ...declared[repository] }
      : anonymousAccess;
  await using rig = await openRenderRig(["helm"], { access });
  for (const name of Object.keys(declared)) {
    const commit = await rig.repository.commit({ ...chart, "app/Chart.yaml": needing(`oci://${name}`) });
    assert.ok(namesOf(await rig.render(commit)).includes("below"), name);
  }
});
