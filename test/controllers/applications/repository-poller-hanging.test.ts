import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { silentLogger } from "../../../src/base/log.ts";
import { createRepositoryPoller } from "../../../src/controllers/applications/repository-poller.ts";
import { never, openSources } from "../../gitops/source/rig.ts";
import { createFastClock } from "../../harness/fast-clock.ts";
import { startGitServer } from "../../harness/git-server.ts";
import { failOnLeakedChildren } from "../../harness/leaks.ts";
import { waitFor } from "../../harness/wait.ts";
import { used } from "./poller-rig.ts";

failOnLeakedChildren();

const factor = 4;
const intervalMs = 60_000;

/** Takes requests and never answers, at as many hosts as one likes: all of 127.0.0.0/8 is this machine. */
async function startHangingServer() {
  const hosts = new Set<string>();
  const server = createServer(({ headers }) => void hosts.add(headers.host ?? ""));
  await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    urlAt: (n: number) => `http://127.0.1.${n}:${port}/hangs.git`,
    hosts,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("50 repositories that hang keep no other from being polled, at first and later", async () => {
  await using hanging = await startHangingServer();
  await using served = await startGitServer();
  const names = ["one", "two", "three"];
  for (const name of names) await served.server.createServedRepository(name, { a: "1" });
  const clock = createFastClock(factor);
  await using rig = await openSources({ clock });
  const polledAt = new Map<string, number>();
  const sources = {
    findRefs: () => undefined,
    fetch: () => Promise.reject(new Error("nothing moves here")),
    async tips(url: string, signal: AbortSignal) {
      const refs = await rig.sources.tips(url, signal);
      polledAt.set(url, clock.monotonicMs());
      return refs;
    },
  };
  const urls = [
    ...Array.from({ length: 50 }, (_, n) => hanging.urlAt(n + 1)),
    ...names.map((name) => served.server.urlOf(name)),
  ];
  const poller = createRepositoryPoller({
    sources: { ofProject: () => sources },
    repositories: () => urls.map(used),
    onMoved: () => undefined,
    pace: () => ({ intervalMs, jitterMs: 0 }),
    random: () => 0,
    clock,
    log: silentLogger,
  });
  const stop = new AbortController();
  await using _running = {
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("stopped"));
      await running;
    },
  };
  const began = clock.monotonicMs();
  const running = poller.run(stop.signal);
  const good = names.map((name) => served.server.urlOf(name));
  await waitFor("the others' first polls", () => good.every((url) => polledAt.has(url)), 30_000);
  const first = clock.monotonicMs() - began;
  // One request is given up after 15 s: eight at a time all that hang would take a minute and a half.
  assert.ok(first < 60_000, `the first polls took ${Math.round(first)} ms`);
  await waitFor("all that hang to be asked", () => hanging.hosts.size === 50, 30_000);
  await waitFor("them to be given up", () => clock.monotonicMs() - began > intervalMs + 20_000, 60_000);
  // Now they are known to hang, and are asked again all the time.
  const asked = clock.monotonicMs();
  await Promise.all(good.map((url) => poller.pollNow(used(url), never)));
  const later = clock.monotonicMs() - asked;
  assert.ok(later < 5_000, `later polls took ${Math.round(later)} ms`);
});
