import assert from "node:assert/strict";
import { request } from "node:http";
import { test } from "node:test";
import { silentLogger } from "../../src/base/log.ts";
import { createMetrics } from "../../src/base/metrics.ts";
import type { History } from "../../src/ledger/history.ts";
import { openServer } from "../../src/server/server.ts";
import { openRig } from "./rig.ts";

/** With a `Host` of one's own, which `fetch` does not send. */
function statusAs(host: string, url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.on("error", reject).end();
  });
}

test("health and metrics are open, everything else needs the token", async () => {
  await using rig = await openRig();
  const events = "/api/v1/tiphys/events";
  const table: readonly (readonly [string, string | undefined, number])[] = [
    ["/healthz", undefined, 200],
    ["/readyz", undefined, 200],
    ["/metrics", undefined, 200],
    [events, undefined, 401],
    [events, "Bearer wrong", 401],
    [events, rig.token, 401],
    [events, `Bearer ${rig.token}`, 200],
    ["/nowhere", undefined, 401],
    ["/nowhere", `Bearer ${rig.token}`, 404],
  ];
  for (const [path, authorization, status] of table) {
    const response = await fetch(rig.url + path, { headers: { ...(authorization && { authorization }) } });
    assert.equal(response.status, status, `${path} as ${authorization}`);
    await response.arrayBuffer();
  }
});

test("says what it waits for until it is ready", async () => {
  await using rig = await openRig();
  rig.notReady = "the bus is away";
  const response = await fetch(`${rig.url}/readyz`);
  assert.equal(response.status, 503);
  assert.equal(await response.text(), "the bus is away\n");
});

test("an error says what and what to do next", async () => {
  await using rig = await openRig();
  const response = await fetch(`${rig.url}/api/v1/tiphys/events`);
  const { error, code, remedy } = (await response.json()) as Record<string, string>;
  assert.equal(code, "UNAUTHORIZED");
  assert.match(error ?? "", /token/);
  assert.match(remedy ?? "", /Bearer/);
});

test("answers to its own names only", async () => {
  await using rig = await openRig();
  const { port } = new URL(rig.url);
  for (const host of ["localhost", `localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`]) {
    assert.equal(await statusAs(host, `${rig.url}/healthz`), 200, host);
  }
  for (const host of ["evil.example", `evil.example:${port}`, "localhost.evil.example"]) {
    assert.equal(await statusAs(host, `${rig.url}/healthz`), 403, host);
  }
});

test("a port that is taken is an error that names the flag", async () => {
  await using rig = await openRig();
  const options = {
    host: "127.0.0.1",
    port: Number(new URL(rig.url).port),
    token: "t",
    metrics: createMetrics(),
    history: {} as History,
    notReady: () => undefined,
    why: () => Promise.reject(new Error("not asked")),
    send: () => Promise.reject(new Error("not asked")),
    log: silentLogger,
  };
  await assert.rejects(openServer(options), { code: "PORT_IN_USE", message: /--port/ });
});
