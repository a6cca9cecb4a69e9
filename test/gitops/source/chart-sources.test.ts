import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, globSync } from "node:fs";
import { readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import type { ChartSourcesOptions } from "../../../src/gitops/source/chart-sources.ts";
import {
  anonymousAccess,
  type RepositoryAccess,
  type SourceTree,
  type WantedChart,
} from "../../../src/gitops/source/source.ts";
import { startHelmServer } from "../../harness/helm-repository.ts";
import { helmLayerType, ociRegistryMissing, startOciRegistry } from "../../harness/oci-registry.ts";
import { chartArchive, tarGz } from "../../harness/tar.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { never, openCharts } from "./rig.ts";

async function openRig(options: Partial<ChartSourcesOptions> & { readonly own?: Partial<RepositoryAccess> } = {}) {
  const { own, ...others } = options;
  const folder = await tempDir();
  const access = () => ({ ...anonymousAccess, ...own });
  const charts = openCharts(folder.path, { access, ...others });
  return {
    folder: folder.path,
    charts,
    chart: (repository: string, revision: string, more: Partial<WantedChart> = {}): Promise<SourceTree> => {
      const wanted = {
        repository,
        revision,
        chart: "web",
        project: "default",
        isFresh: false,
        passesCredentials: false,
      };
      return charts.openChart({ ...wanted, ...more }, never);
    },
    artifact: (repository: string, revision: string) =>
      charts.openArtifact({ repository, revision, project: "default" }, never),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

test("a chart of a Helm repository is a tree of files", async () => {
  await using server = await startHelmServer();
  await using rig = await openRig();
  server.publish("web", "1.0.0", { "templates/a.yaml": "a: 1\n", "values.yaml": "x: 1\n" });
  const tree = await rig.chart(server.url, "1.0.0");
  assert.equal(tree.revision, "1.0.0");
  const paths = (await tree.listFiles("", never)).map(({ path }) => path);
  assert.deepEqual(paths, ["Chart.yaml", "templates/a.yaml", "values.yaml"]);
  assert.equal(String(await tree.read("values.yaml", never)), "x: 1\n");
  const entries = await tree.listFiles("templates", never);
  assert.deepEqual([...(await tree.readFiles(entries, 1000, never))].map(String), ["templates/a.yaml,a: 1\n"]);
  await assert.rejects(tree.readFiles(entries, 3, never), { code: "GIT_TOO_LARGE" });
  await using checkout = await tree.checkout("templates", never);
  assert.equal(await readFile(join(checkout.folder, "a.yaml"), "utf8"), "a: 1\n");
  assert.equal(existsSync(join(checkout.root, "values.yaml")), false);
  for (const path of ["none", "values.yaml", "../x", "/x"]) {
    await assert.rejects(tree.listFiles(path, never), { code: "GIT_PATH_INVALID" }, path);
  }
});

test("ids name the content: the same of two versions with the same files, another with others", async () => {
  await using server = await startHelmServer();
  await using rig = await openRig();
  server.publish("web", "1.0.0", { "templates/a.yaml": "a", "b/x": "1" });
  server.publish("web", "1.1.0", { "templates/a.yaml": "a", "b/x": "2" });
  const [first, second] = [await rig.chart(server.url, "1.0.0"), await rig.chart(server.url, "1.1.0")];
  const ids = async (path: string) => Promise.all([first, second].map((tree) => tree.treeId(path, never)));
  const [a, b] = await ids("templates");
  assert.equal(a, b);
  for (const path of ["", "b", "b/x"]) assert.equal(new Set(await ids(path)).size, 2, path);
  assert.deepEqual(await ids("none"), [undefined, undefined]);
});

for (const [wanted, expected] of [
  ["1.x", "1.10.0"],
  ["~1.2.0", "1.2.1"],
  [">=1.0.0 <1.10.0", "1.2.1"],
  ["*", "2.0.0"],
  [">0.0.0-0", "2.1.0-rc.1"],
  ["1.2.0", "1.2.0"],
  ["v1.2.0", "1.2.0"],
  ["v0.9", "v0.9"],
  ["0.9.0", "v0.9"],
] as const) {
  test(`the version that ${wanted} means is ${expected}`, async () => {
    await using server = await startHelmServer();
    await using rig = await openRig();
    for (const version of ["v0.9", "1.2.0", "1.10.0", "1.2.1", "2.0.0", "2.1.0-rc.1", "latest"]) {
      server.publish("web", version);
    }
    assert.equal((await rig.chart(server.url, wanted)).revision, expected);
  });
}

test("many who ask at once read the index once, and a chart that is kept is not sent again", async () => {
  await using server = await startHelmServer();
  await using rig = await openRig();
  server.publish("web", "1.0.0");
  await Promise.all(Array.from({ length: 20 }, () => rig.chart(server.url, "1.0.0")));
  assert.equal(server.requests.filter((line) => line.includes("index.yaml")).length, 1);
  const before = server.requests.length;
  await rig.chart(server.url, "1.x");
  assert.equal(server.requests.length, before);
  // A restart finds it by the digest that the index has.
  const again = openCharts(rig.folder);
  const wanted = { repository: server.url, revision: "1.0.0", chart: "web", project: "", passesCredentials: false };
  await again.openChart({ ...wanted, isFresh: true }, never);
  assert.deepEqual(server.requests.slice(before), ["/charts/index.yaml 200"]);
});

test("an index is read again when it is old, or when somebody asks; one that did not change is not sent", async () => {
  await using server = await startHelmServer();
  const clock = createVirtualClock();
  await using rig = await openRig({ clock });
  server.publish("web", "1.0.0");
  await rig.chart(server.url, "1.x");
  server.publish("web", "1.1.0");
  assert.equal((await rig.chart(server.url, "1.x")).revision, "1.0.0");
  assert.equal((await rig.chart(server.url, "1.x", { isFresh: true })).revision, "1.1.0");
  await clock.advance(61_000);
  await rig.chart(server.url, "1.x");
  assert.equal(server.requests.at(-1), "/charts/index.yaml 304");
});

test("a chart that was published anew under its version is read anew", async () => {
  await using server = await startHelmServer();
  await using rig = await openRig();
  server.publish("web", "1.0.0", { x: "old" });
  await rig.chart(server.url, "1.0.0");
  server.publish("web", "1.0.0", { x: "new" });
  const tree = await rig.chart(server.url, "1.0.0", { isFresh: true });
  assert.equal(String(await tree.read("x", never)), "new");
});

for (const [name, pattern, edit] of [
  ["a file of other bytes", "*/files/templates/a.yaml", (path: string) => writeFile(path, "b: 1\n")],
  ["an empty file", "*/files/templates/a.yaml", (path: string) => writeFile(path, "")],
  ["a file that is gone", "*/files/templates/a.yaml", (path: string) => rm(path)],
  ["half an index", "*/entries.json", (path: string) => truncate(path, 10)],
  ["an empty index", "*/entries.json", (path: string) => truncate(path, 0)],
  ["nothing at all", "", (path: string) => rm(path, { recursive: true })],
] as const) {
  for (const isNext of [false, true]) {
    test(`a kept chart with ${name}${isNext ? ", found by the next process" : ""}: nothing wrong is read, and it is read anew`, async () => {
      await using server = await startHelmServer();
      await using first = await openRig();
      server.publish("web", "1.0.0", { "templates/a.yaml": "a: 1\n" });
      const held = await first.chart(server.url, "1.0.0");
      const [path] = globSync(pattern, { cwd: first.folder });
      await edit(join(first.folder, path ?? ""));
      const charts = isNext ? openCharts(first.folder) : first.charts;
      const wanted = { repository: server.url, revision: "1.0.0", chart: "web", project: "default" };
      const read = async (tree?: SourceTree): Promise<string> => {
        const found = tree ?? (await charts.openChart({ ...wanted, isFresh: false, passesCredentials: false }, never));
        return String(await found.read("templates/a.yaml", never));
      };
      const attempts = await Promise.allSettled([read(held), read(), read()]);
      for (const one of attempts) {
        if (one.status === "fulfilled") assert.equal(one.value, "a: 1\n");
        else
          assert.match(
            one.reason.message,
            /^"templates\/a.yaml" of an unpacked archive is (?:gone|damaged) on this disk/,
          );
      }
      assert.equal(await read(), "a: 1\n");
    });
  }
}

test("without a digest in the index what is kept counts until somebody asks", async () => {
  await using server = await startHelmServer();
  await using rig = await openRig();
  server.publish("web", "1.0.0", { x: "old" }, { digest: "" });
  await rig.chart(server.url, "1.0.0");
  server.publish("web", "1.0.0", { x: "new" }, { digest: "" });
  assert.equal(String(await (await rig.chart(server.url, "1.0.0")).read("x", never)), "old");
  const fresh = await rig.chart(server.url, "1.0.0", { isFresh: true });
  assert.equal(String(await fresh.read("x", never)), "new");
});

test("credentials reach the repository, and other hosts only where the Application says so", async () => {
  await using server = await startHelmServer("me:secret");
  await using other = await startHelmServer();
  await using rig = await openRig({ own: { basic: { username: "me", password: "secret" } } });
  const archive = other.publish("web", "1.0.0");
  server.publish("web", "1.0.0", {}, { archive, url: `${other.url}/web-1.0.0.tgz` });
  await rig.chart(server.url, "1.0.0");
  assert.deepEqual(other.authorizations, [""]);
  await using passing = await openRig({ own: { basic: { username: "me", password: "secret" } } });
  await passing.chart(server.url, "1.0.0", { passesCredentials: true });
  assert.notEqual(other.authorizations.at(-1), "");
  await using wrong = await openRig({ own: { basic: { username: "me", password: "wr0ng" } } });
  await assert.rejects(wrong.chart(server.url, "1.0.0"), (error: Error) => {
    assert.match(error.message, /authentication required/);
    assert.doesNotMatch(String(error.stack), /wr0ng/);
    return true;
  });
});

for (const [name, publish, code, message] of [
  ["no such chart", { chart: "other" }, "CHART_NOT_FOUND", /chart "web" is not in the index/],
  ["no such version", { version: "2.0.0" }, "CHART_NOT_FOUND", /has no version "1.0.0": it has 1 versions: 2.0.0/],
  ["another archive than the index says", { digest: "0".repeat(64) }, "REPOSITORY_FAILED", /its index says 0000/],
  ["an archive at a file", { url: "file:///etc/passwd" }, "CHART_NOT_FOUND", /expected https or http/],
  ["an archive that is not there", { url: "none.tgz" }, "CHART_NOT_FOUND", /not found/],
  ["an archive that is none", { archive: Buffer.from("<html>") }, "ARCHIVE_REFUSED", /0 folders with a Chart.yaml/],
  ["an archive that is cut off", { archive: chartArchive("web", "1.0.0").subarray(0, 100) }, "ARCHIVE_REFUSED", /gzip/],
  ["no chart in it", { archive: tarGz([{ name: "x/y" }]) }, "ARCHIVE_REFUSED", /0 folders with a Chart.yaml/],
  [
    "a link out of the chart",
    {
      archive: tarGz([
        { name: "web/Chart.yaml", content: "name: web" },
        { name: "web/values.yaml", type: "2", target: "../other" },
        { name: "other", content: "x" },
      ]),
    },
    "ARCHIVE_REFUSED",
    /"values.yaml" that leads out/,
  ],
  [
    "a chart that is too large",
    { archive: chartArchive("web", "1.0.0", { x: "x".repeat(9000) }) },
    "GIT_TOO_LARGE",
    /8000/,
  ],
] as const) {
  test(`says what is wrong: ${name}`, async () => {
    await using server = await startHelmServer();
    await using rig = await openRig({ limits: { maxBytes: 8_000 } });
    const {
      chart = "web",
      version = "1.0.0",
      ...more
    } = publish as {
      chart?: string;
      version?: string;
      archive?: Buffer;
    };
    server.publish(chart, version, {}, more);
    await assert.rejects(rig.chart(server.url, "1.0.0"), { code, message });
  });
}

test("a repository that hangs, is none, or answers without end costs its own callers only", async () => {
  await using hanging = await startHelmServer();
  await using good = await startHelmServer();
  hanging.answer = () => true;
  good.publish("web", "1.0.0");
  await using rig = await openRig({ limits: { indexTimeoutMs: 300, maxIndexBytes: 10_000 } });
  const stuck = assert.rejects(rig.chart(hanging.url, "1.0.0"), { code: "TOOL_TIMEOUT", message: /within 0.3 s/ });
  await rig.chart(good.url, "1.0.0");
  await stuck;
  hanging.answer = (_request, response) => Boolean(response.end("x".repeat(20_000)));
  await assert.rejects(rig.chart(hanging.url, "1.0.0"), { code: "GIT_TOO_LARGE" });
  for (const text of ["<html>", "entries: [", "[]", '{"entries": 7}']) {
    hanging.answer = (_request, response) => Boolean(response.end(text));
    await assert.rejects(
      rig.chart(hanging.url, "1.0.0"),
      { code: "REPOSITORY_FAILED", message: /no index.yaml/ },
      text,
    );
  }
  await assert.rejects(rig.chart("http://127.0.0.1:1/none", "1.0.0"), { code: "REPOSITORY_FAILED" });
});

test("a large index is read beside everything else; one that takes too much is refused", async () => {
  await using server = await startHelmServer();
  const entry = (name: string, n: number): string =>
    `    - version: ${n}.0.0\n      urls: [${name}-${n}.tgz]\n      created: "2026-01-01T00:00:00Z"\n      keywords: [a, b]\n`;
  const lines = Array.from({ length: 200 }, (_, chart) => {
    const name = `chart-${chart}`;
    return `  ${name}:\n${Array.from({ length: 100 }, (_, n) => entry(name, n)).join("")}`;
  });
  const text = `apiVersion: v1\nentries:\n${lines.join("")}`;
  server.answer = (_request, response) => Boolean(response.end(text));
  await using rig = await openRig();
  const delays = monitorEventLoopDelay({ resolution: 1 });
  const began = performance.now();
  delays.enable();
  const listed = await rig.charts.list(server.url, "", never);
  delays.disable();
  const tookMs = performance.now() - began;
  assert.deepEqual([listed.length, listed[7]?.versions.length, listed[7]?.versions[99]], [200, 100, "99.0.0"]);
  assert.ok(delays.max / 1e6 < tookMs / 2, `${delays.max / 1e6} ms of ${tookMs} nothing else was done`);
  for (const [limits, code, message] of [
    [
      { maxReadMebibytes: 8 },
      "REPOSITORY_FAILED",
      /no index.yaml of a Helm repository: .* more than the 8 MiB allowed/,
    ],
    [{ readTimeoutMs: 1 }, "TOOL_TIMEOUT", /the index.yaml of ".*" could not be read within 0.001 s/],
  ] as const) {
    await using bounded = await openRig({ limits });
    await assert.rejects(bounded.charts.list(server.url, "", never), { code, message });
  }
  server.answer = (_request, response) => Boolean(response.end(`${text}  - : [`));
  await using other = await openRig();
  await assert.rejects(other.charts.list(server.url, "", never), {
    code: "REPOSITORY_FAILED",
    message: /no index.yaml/,
  });
});

const skip = ociRegistryMissing() ?? false;
const plain = { isPlainHttp: true };
const layer = (content: Buffer, mediaType = helmLayerType) => ({ mediaType, content });

test("a chart of a registry is a tree of files, by version and by range", { skip }, async () => {
  await using registry = await startOciRegistry();
  await using rig = await openRig({ own: plain });
  for (const version of ["1.0.0", "1.2.0+build.1", "2.0.0"]) {
    await registry.push("charts/web", version.replace("+", "_"), [layer(chartArchive("web", version))]);
  }
  for (const repository of [`${registry.host}/charts`, `oci://${registry.host}/charts/`]) {
    const tree = await rig.chart(repository, "1.x");
    assert.equal(tree.revision, "1.2.0+build.1");
    assert.match(String(await tree.read("Chart.yaml", never)), /version: 1.2.0\+build.1/);
    assert.equal((await rig.chart(repository, "1.0.0")).revision, "1.0.0");
  }
  await assert.rejects(rig.chart(`${registry.host}/charts`, "9.0.0"), { code: "CHART_NOT_FOUND", message: /"9.0.0"/ });
  await assert.rejects(rig.chart(`${registry.host}/charts`, ">=9"), { code: "CHART_NOT_FOUND" });
});

test("an artifact of a registry is a tree of files, at its digest", { skip }, async () => {
  await using registry = await startOciRegistry();
  await using rig = await openRig({ own: plain });
  const type = "application/vnd.oci.image.layer.v1.tar+gzip";
  const content = tarGz([{ name: "./app/a.yaml", content: "a: 1" }]);
  const digest = await registry.push("team/app", "v1.0.0", [layer(content, type)]);
  const url = `oci://${registry.host}/team/app`;
  for (const revision of ["v1.0.0", "1.x", digest]) {
    const tree = await rig.artifact(url, revision);
    assert.equal(tree.revision, digest);
    assert.equal(String(await tree.read("app/a.yaml", never)), "a: 1");
  }
  const two = [layer(content, type), layer(Buffer.from("x"), type)];
  await registry.push("team/app", "two", two);
  await assert.rejects(rig.artifact(url, "two"), { code: "CHART_NOT_FOUND", message: /2 layers of content/ });
  await registry.push("team/app", "none", [layer(content, "text/plain")]);
  await assert.rejects(rig.artifact(url, "none"), {
    message: /0 layers of content, expected one \(it has: text\/plain\)/,
  });
  await assert.rejects(rig.artifact(`oci://${registry.host}/Team/../x`, "1"), { code: "GIT_REFUSED" });
});

test("an artifact may be as large, and have the layers, that the settings say", { skip }, async () => {
  await using registry = await startOciRegistry();
  let settings: ReturnType<NonNullable<ChartSourcesOptions["artifacts"]>> = { maxArtifactBytes: 5_000 };
  await using rig = await openRig({ own: plain, artifacts: () => settings });
  const content = tarGz([{ name: "a.yaml", content: "x".repeat(100_000) }]);
  await registry.push("team/app", "tar", [layer(content, "application/vnd.oci.image.layer.v1.tar+gzip")]);
  await registry.push("team/app", "own", [layer(content, "application/vnd.acme.config.v1")]);
  const url = `oci://${registry.host}/team/app`;
  await assert.rejects(rig.artifact(url, "tar"), {
    code: "GIT_TOO_LARGE",
    message: "the archive is larger than the 5000 bytes allowed once unpacked",
  });
  settings = { maxArtifactBytes: 1_000_000 };
  assert.equal((await (await rig.artifact(url, "tar")).listFiles("", never)).length, 1);
  await assert.rejects(rig.artifact(url, "own"), { message: /0 layers of content/ });
  settings = { maxArtifactBytes: 1_000_000, layerTypes: ["application/vnd.acme.config.v1"] };
  assert.equal((await (await rig.artifact(url, "own")).listFiles("", never)).length, 1);
  await assert.rejects(rig.artifact(url, "tar"), { message: /0 layers of content/ });
});

const digestOf = (content: Buffer): string => `sha256:${createHash("sha256").update(content).digest("hex")}`;
const manifestOf = (digest: string, size: number): string =>
  JSON.stringify({ layers: [{ mediaType: helmLayerType, digest, size }] });
const described = (content: Buffer): string => manifestOf(digestOf(content), content.length);

test("a registry that lies is refused with its reason, and nothing of it is kept", async () => {
  await using door = await startHelmServer();
  await using rig = await openRig({ own: plain, limits: { maxArchiveBytes: 10_000, maxBytes: 20_000 } });
  const good = chartArchive("web", "1.0.0");
  const bomb = gzipSync(Buffer.alloc(1024 * 1024));
  const climbing = tarGz([{ name: "web/Chart.yaml", content: "name: web" }, { name: "web/../../x" }]);
  const long = Buffer.alloc(50_000);
  let [manifest, blob] = ["", good];
  door.answer = ({ url = "" }, response) => {
    const tags = url.includes("/tags/") ? JSON.stringify({ tags: Array(300_000).fill("1.0.0") }) : undefined;
    const content = url.includes("/manifests/") ? manifest : url.includes("/blobs/") ? blob : tags;
    response.writeHead(content === undefined ? 404 : 200).end(content);
    return true;
  };
  const host = new URL(door.url).host;
  for (const [name, said, sent, code, message] of [
    [
      "another layer",
      described(good),
      Buffer.from("x"),
      "REPOSITORY_FAILED",
      /sent sha256:2d71.* when asked for sha256:/,
    ],
    ["a layer that is cut off", described(good), good.subarray(0, 100), "REPOSITORY_FAILED", /when asked for sha256:/],
    [
      "a layer that is longer than it says",
      manifestOf(digestOf(long), 10),
      long,
      "GIT_TOO_LARGE",
      /than the 10000 bytes/,
    ],
    [
      "a layer that says it is too long",
      manifestOf(digestOf(good), 1e9),
      good,
      "GIT_TOO_LARGE",
      /has 1000000000 bytes/,
    ],
    [
      "a layer that is a bomb",
      described(bomb),
      bomb,
      "GIT_TOO_LARGE",
      /larger than the 20000 bytes allowed once unpacked/,
    ],
    ["a layer with a way out", described(climbing), climbing, "ARCHIVE_REFUSED", /leads out of it/],
    ["a digest that is a path", manifestOf("sha256:../../x", 10), good, "CHART_NOT_FOUND", /0 layers of content/],
    [
      "a digest of another kind",
      manifestOf(`md5:${"0".repeat(32)}`, 10),
      good,
      "CHART_NOT_FOUND",
      /0 layers of content/,
    ],
    ["a manifest that is a page", "<html>", good, "CHART_NOT_FOUND", /holds no artifact there/],
    ["a manifest without end", " ".repeat(5 * 1024 * 1024), good, "GIT_TOO_LARGE", /larger than the 4194304 bytes/],
  ] as const) {
    [manifest, blob] = [said, sent];
    await assert.rejects(rig.chart(`${host}/charts`, "1.0.0"), { code, message }, name);
  }
  [manifest, blob] = [described(good), good];
  assert.equal((await rig.chart(`${host}/charts`, "1.0.0")).revision, "1.0.0");
  // As many tags as an answer can hold.
  assert.equal((await rig.chart(`${host}/charts`, "1.x")).revision, "1.0.0");
  const pinned = rig.artifact(`oci://${host}/charts/web`, `sha256:${"0".repeat(64)}`);
  await assert.rejects(pinned, { code: "REPOSITORY_FAILED", message: /sent sha256:.* when asked for sha256:0000/ });
});

test("a registry that wants a token gets one asked for with the credentials", { skip }, async () => {
  await using registry = await startOciRegistry();
  await registry.push("charts/web", "1.0.0", [layer(chartArchive("web", "1.0.0"))]);
  await using door = await startHelmServer();
  const seen: string[] = [];
  door.answer = (request, response) => {
    const { authorization = "" } = request.headers;
    seen.push(`${request.url} ${authorization}`);
    const { url = "", headers } = request;
    if (url.startsWith("/token")) {
      const isKnown = authorization === `Basic ${Buffer.from("me:secret").toString("base64")}`;
      response.writeHead(isKnown ? 200 : 401).end(JSON.stringify({ token: "t0ken" }));
    } else if (authorization !== "Bearer t0ken") {
      const challenge = `Bearer realm="http://${headers.host}/token",service="here",scope="repository:charts/web:pull"`;
      response.writeHead(401, { "www-authenticate": challenge }).end();
    } else {
      void fetch(`http://${registry.host}${url}`, { headers: { accept: String(headers.accept) } }).then(
        async (answer) => response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer())),
      );
    }
    return true;
  };
  const host = new URL(door.url).host;
  await using rig = await openRig({ own: { ...plain, basic: { username: "me", password: "secret" } } });
  assert.equal((await rig.chart(`${host}/charts`, "1.0.0")).revision, "1.0.0");
  assert.ok(seen.some((line) => line.startsWith("/token?service=here&scope=repository%3Acharts%2Fweb%3Apull Basic ")));
  await using stranger = await openRig({ own: plain });
  await assert.rejects(stranger.chart(`${host}/charts`, "1.0.0"), { code: "GIT_AUTH_FAILED" });
});
