import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { kubectlMissing } from "../harness/run.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";

failOnLeakedChildren();

/** A Git server that takes requests and never answers. */
async function openHangingServer() {
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("a Git server that hangs costs its own Applications, and nobody else anything", {
  skip: kubectlMissing(),
}, async () => {
  await using hanging = await openHangingServer();
  const names = Array.from({ length: 40 }, (_, n) => `hangs-${n}`);
  await using scenario = await GitOpsScenario.start({
    repositories: { good: { "a.yaml": configMap("good", "0") } },
    manifests: (urlOf) => [
      // In front of the good one, by name and in the file.
      ...names.map((name) => application(name, `${hanging.url}/${name}.git`)),
      application("zz-good", urlOf("good")),
    ],
  });
  const started = performance.now();
  await scenario.waitForSynced("zz-good");
  const commit = await scenario.clone("good").then((copy) => copy.commitAndPush({ "a.yaml": configMap("good", "1") }));
  await scenario.waitForSynced("zz-good", commit);
  // A request to a server is given up after 15 s.
  assert.ok(performance.now() - started < 12_000, `it took ${Math.round(performance.now() - started)} ms`);
});
