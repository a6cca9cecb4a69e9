import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { startEngine, tiphys } from "../harness/engine.ts";
import { freePort } from "../harness/free-port.ts";
import { type HttpSink, startHttpSink } from "../harness/http-sink.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { projectRoot, run } from "../harness/run.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { buses, postJson, resource, webhookSource, writeManifests } from "./scenario.ts";

failOnLeakedChildren();

const anyPorts = ["--port", "0", "--ingress-port", "0", "--kube-port", "0"];

/** Non-zero, and what to change stands in one line of standard error. */
async function assertRefused(args: readonly string[], what: RegExp): Promise<void> {
  const { code, stderr } = await tiphys(args);
  assert.notEqual(code, 0, stderr);
  const lines = stderr.split("\n").filter((line) => what.test(line));
  assert.equal(lines.length, 1, `expected one line with ${what}:\n${stderr}`);
  assert.doesNotMatch(stderr, /\n\s+at /, "a stack is not for users");
}

test("a second engine on the same directory is refused and names it", async () => {
  await using engine = await startEngine();
  await assertRefused(["--data-dir", engine.dataDir, "up", ...anyPorts], new RegExp(engine.dataDir));
  assert.equal((await fetch(`${engine.endpoints.server}/readyz`)).status, 200);
});

for (const flag of ["--port", "--ingress-port", "--kube-port"]) {
  test(`${flag} in use is refused and named`, async () => {
    await using folder = await tempDir();
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    try {
      const { port } = taken.address() as { port: number };
      const ports = anyPorts.map((text, index) => (anyPorts[index - 1] === flag ? String(port) : text));
      await assertRefused(["--data-dir", join(folder.path, "data"), "up", ...ports], new RegExp(`\\b${port}\\b`));
    } finally {
      taken.close();
    }
  });
}

/** [what, file's text, what the line names] */
const badManifests: readonly (readonly [string, string, RegExp])[] = [
  ["YAML that cannot be read", "kind: [EventSource\nmetadata: {", /bad\.yaml/],
  ["a Sensor without triggers", JSON.stringify(resource("Sensor", "s", { dependencies: [] })), /spec\.\w+/],
];

for (const [name, text, names] of badManifests) {
  test(`${name} is refused and named`, async () => {
    await using folder = await tempDir();
    await writeFile(join(folder.path, "bad.yaml"), text);
    await assertRefused(["--data-dir", join(folder.path, "data"), "up", folder.path, ...anyPorts], names);
  });
}

test("a directory that does not exist is refused and named", async () => {
  await using folder = await tempDir();
  await assertRefused(
    ["--data-dir", join(folder.path, "data"), "up", join(folder.path, "nowhere"), ...anyPorts],
    /nowhere/,
  );
});

test("commands without an engine say so with code 3", async () => {
  await using folder = await tempDir();
  const { code, stderr } = await tiphys(["--server", "http://127.0.0.1:1", "--data-dir", folder.path, "event", "list"]);
  assert.equal(code, 3, stderr);
});

test("a command that is not understood is code 2", async () => {
  assert.equal((await tiphys(["no-such-command"])).code, 2);
});

test("the launcher finds a Node.js and passes arguments and exit codes on", async () => {
  const launcher = join(projectRoot, "bin", "tiphys.js");
  const version = await run(process.execPath, [launcher, "--version"]);
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
  assert.equal((await run(process.execPath, [launcher, "no-such-command"])).code, 2);
});

for (const bus of buses) {
  test(`Ctrl-C stops in order and loses nothing (${bus.name})`, { skip: bus.skip }, async () => {
    await using driver = await bus.start();
    await using folder = await tempDir();
    await using sink = await startHttpSink();
    const port = await freePort();
    const src = { dependencyName: "push", dataKey: "body.n" };
    const http = { url: sink.url, method: "POST", payload: [{ src, dest: "n" }] };
    const dir = await writeManifests(join(folder.path, "manifests"), [
      webhookSource("in", port),
      resource("Sensor", "forward", {
        dependencies: [{ name: "push", eventSourceName: "in", eventName: "push" }],
        triggers: [{ template: { name: "forward", http } }],
      }),
    ]);
    const options = { dir, dataDir: join(folder.path, "data"), args: driver.args };
    await using engine = await startEngine(options);
    const url = `http://127.0.0.1:${port}/push`;
    const numbers = Array.from({ length: 200 }, (_, n) => n);
    const statuses = await Promise.all(numbers.map(async (n) => (await postJson(url, { n })).status));
    assert.deepEqual(new Set(statuses), new Set([200]));
    assert.equal(await engine.stop(), 0);
    assert.equal(existsSync(join(engine.dataDir, "endpoints.json")), false);
    await assert.rejects(postJson(url, {}));
    await using _again = await startEngine(options);
    await waitFor("every number", () => new Set(numbersOf(sink)).size === numbers.length);
    assert.equal(numbersOf(sink).length, numbers.length, "a clean stop repeats nothing");
  });
}

function numbersOf(sink: HttpSink): string[] {
  return sink.requests.map(({ body }) => body);
}
