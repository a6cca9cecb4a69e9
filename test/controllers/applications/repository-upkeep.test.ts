import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../../src/base/log.ts";
import { toldKeyOf } from "../../../src/controllers/applications/repository-poller.ts";
import { tidyRepositories } from "../../../src/controllers/applications/repository-upkeep.ts";
import { normaliseRepositoryUrl } from "../../../src/gitops/source/repository-url.ts";
import { busAway, createMemoryBus } from "../../harness/memory-bus.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";

const hourMs = 3_600_000;

test("what was told of repositories that nobody uses goes at the second look, and a failure is not the end", async () => {
  const bus = createMemoryBus();
  const told = bus.state("polls");
  const clock = createVirtualClock();
  const urls = new Set(["https://h/kept.git", "https://h/gone", "https://h/moving"]);
  const dropped: string[][] = [];
  for (const url of urls) await told.put(toldKeyOf(normaliseRepositoryUrl(url)), Buffer.from("digest"));
  const repositories = () => [...urls].map((url) => ({ url, project: "default" }));
  const sources = {
    async dropUnused(inUse: Iterable<{ readonly url: string }>) {
      dropped.push([...inUse].map(({ url }) => url));
      return 0;
    },
  };
  const stop = new AbortController();
  const running = tidyRepositories({ repositories, sources, told, clock, log: silentLogger }, stop.signal).catch(
    (error: unknown) => {
      if (!stop.signal.aborted) throw error;
    },
  );
  const keys = async (): Promise<number> => (await told.entries("")).length;
  urls.delete("https://h/gone");
  urls.delete("https://h/moving");
  await clock.advance(hourMs);
  assert.equal(await keys(), 3, "perhaps it is only replaced");
  urls.add("https://h/moving.git");
  bus.failure = busAway();
  await clock.advance(hourMs);
  bus.failure = undefined;
  await clock.advance(hourMs);
  const left = new Set((await told.entries("")).map(({ key }) => key));
  assert.deepEqual(
    left,
    new Set(["https://h/kept", "https://h/moving"].map((url) => toldKeyOf(normaliseRepositoryUrl(url)))),
  );
  assert.deepEqual(dropped.at(-1), ["https://h/kept.git", "https://h/moving.git"]);
  stop.abort();
  await running;
});
