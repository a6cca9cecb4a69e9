import assert from "node:assert/strict";
import { type Agent, Agent as HttpAgent, request } from "node:http";
import { request as requestSecurely } from "node:https";
import { createServer } from "node:net";
import { test } from "node:test";
import { silentLogger } from "../../../src/base/log.ts";
import { type Ingress, type IngressOptions, openIngress } from "../../../src/events/sources/ingress.ts";
import { canonicalHeaders } from "../../../src/events/sources/ingress-request.ts";
import type { Owner } from "../../../src/events/sources/ingress-routes.ts";
import type { HttpRoute } from "../../../src/events/sources/source.ts";
import { tlsSetup } from "../../harness/nats-accounts.ts";
import { waitFor } from "../../harness/wait.ts";

const owner = (name: string, createdAt = "2026-01-01T00:00:00Z"): Owner => ({
  namespace: "default",
  name,
  uid: name,
  createdAt,
});

const open = (options: Partial<IngressOptions> = {}): Promise<Ingress> =>
  openIngress({ host: "127.0.0.1", port: 0, log: silentLogger, ...options });

const says = (text: string): HttpRoute => ({ maxBodyBytes: 100, handle: async () => ({ status: 200, text }) });

interface Served extends AsyncDisposable {
  readonly warnings: (string | undefined)[];
}

function serve(ingress: Ingress, of: Owner, event: string, route: HttpRoute): Served {
  const warnings: (string | undefined)[] = [];
  const stop = new AbortController();
  const running = ingress.mountFor(of, event, (message) => warnings.push(message)).serve(route, stop.signal);
  return {
    warnings,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

async function get(
  port: number,
  path: string,
  headers: Record<string, string> = {},
  agent: Agent | false = false,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: "127.0.0.1", port, path, headers, agent }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on("end", () => resolve(`${response.statusCode} ${text.trim()}`));
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address ? address.port : 0;
}

test("an event is served at its ingress URL, whatever its name", async () => {
  await using ingress = await open();
  await using _a = serve(ingress, owner("es"), "push", says("push"));
  await using _b = serve(ingress, owner("es"), "a b/ü", says("odd"));
  const odd = ingress.pathOf(owner("es"), "a b/ü");
  assert.equal(odd, "/webhooks/default/es/a%20b%2F%C3%BC");
  assert.equal(await get(ingress.port, "/webhooks/default/es/push?x=1"), "200 push");
  assert.equal(await get(ingress.port, "/webhooks/d%65fault/es/p%75sh"), "200 push");
  assert.equal(await get(ingress.port, odd), "200 odd");
  assert.equal(await get(ingress.port, odd.toLowerCase()), "200 odd");
  assert.equal(await get(ingress.port, "/webhooks/default/es/none"), "404 404 page not found");
  assert.equal(await get(ingress.port, "/health"), "200 OK");
});

test("only requests for the server's own names are served", async () => {
  await using ingress = await open({ hostNames: ["Hooks.Example.com"] });
  await using _route = serve(ingress, owner("es"), "e", says("yes"));
  const path = ingress.pathOf(owner("es"), "e");
  const status = async (host: string): Promise<string> => (await get(ingress.port, path, { host })).slice(0, 3);
  const hosts = [
    "localhost",
    "LOCALHOST:1",
    "127.0.0.1:80",
    "[::1]:80",
    "hooks.example.com:443",
    "evil.example.com",
    "127.0.0.1.evil.com",
  ];
  assert.deepEqual(await Promise.all(hosts.map(status)), ["200", "200", "200", "200", "200", "403", "403"]);
});

test("an own port and endpoint are served beside the ingress URL, and given up with the event", async () => {
  await using ingress = await open();
  const port = await freePort();
  {
    await using first = serve(ingress, owner("a"), "e", { ...says("a"), port, endpoint: "/a" });
    await using _second = serve(ingress, owner("b"), "e", { ...says("b"), port, endpoint: "b" });
    await waitFor("the own port", () => get(port, "/a").catch(() => undefined));
    assert.equal(await get(port, "/a"), "200 a");
    assert.equal(await get(port, "/b?q"), "200 b");
    assert.equal(await get(port, "/a/"), "404 404 page not found");
    assert.equal(await get(port, "/health"), "200 OK");
    assert.equal(await get(ingress.port, ingress.pathOf(owner("a"), "e")), "200 a");
    assert.deepEqual(first.warnings.filter(Boolean), []);
  }
  await assert.rejects(
    waitFor("the port to close", () => get(port, "/a")).then(() => get(port, "/a")),
    /ECONNREFUSED/,
  );
});

test("the older EventSource keeps a path that two want, and the younger gets it afterwards", async () => {
  await using ingress = await open();
  const port = await freePort();
  await using younger = serve(ingress, owner("younger", "2026-02-01T00:00:00Z"), "e", {
    ...says("younger"),
    port,
    endpoint: "/x",
  });
  {
    await using older = serve(ingress, owner("older"), "e", { ...says("older"), port, endpoint: "/x" });
    await waitFor("the own port", () => get(port, "/x").catch(() => undefined));
    assert.equal(await get(port, "/x"), "200 older");
    assert.match(younger.warnings.at(-1) ?? "", /path \/x of port \d+ belongs to the older EventSource default\/older/);
    assert.deepEqual(older.warnings.filter(Boolean), []);
    assert.equal(await get(ingress.port, ingress.pathOf(owner("younger"), "e")), "200 younger");
  }
  assert.equal(await get(port, "/x"), "200 younger");
  assert.equal(younger.warnings.at(-1), undefined);
});

test("an own port that is taken is a warning, an ingress port that is taken an error", async () => {
  await using ingress = await open();
  await using other = await open();
  await using route = serve(other, owner("es"), "e", { ...says("yes"), port: ingress.port, endpoint: "/e" });
  assert.match(
    await waitFor("a warning", () => route.warnings.find(Boolean)),
    /EADDRINUSE.*; it works at its ingress URL/,
  );
  assert.equal(await get(other.port, other.pathOf(owner("es"), "e")), "200 yes");
  await assert.rejects(open({ port: ingress.port }), {
    code: "PORT_IN_USE",
    message: new RegExp(`127\\.0\\.0\\.1:${ingress.port} .*--ingress-port`),
  });
});

test("more requests at once than allowed are asked to come back", async () => {
  await using ingress = await open({ maxInFlight: 1 });
  const gate = Promise.withResolvers<void>();
  let entered = 0;
  const slow: HttpRoute = {
    maxBodyBytes: 1,
    handle: async () => {
      entered++;
      await gate.promise;
      return { status: 200, text: "done" };
    },
  };
  await using _route = serve(ingress, owner("es"), "e", slow);
  const path = ingress.pathOf(owner("es"), "e");
  const first = get(ingress.port, path);
  await waitFor("the first request", () => entered === 1);
  assert.equal(await get(ingress.port, path), "503 too many requests");
  gate.resolve();
  assert.equal(await first, "200 done");
});

test("connections are kept between requests, and a stop does not wait for idle ones", async () => {
  const agent = new HttpAgent({ keepAlive: true, maxSockets: 1 });
  let ports: Set<unknown>;
  {
    await using ingress = await open();
    await using _route = serve(ingress, owner("es"), "e", says("yes"));
    ports = new Set();
    for (let count = 0; count < 3; count++) {
      await get(ingress.port, ingress.pathOf(owner("es"), "e"), {}, agent);
      for (const sockets of Object.values(agent.freeSockets))
        for (const socket of sockets ?? []) ports.add(socket.localPort);
    }
  }
  agent.destroy();
  assert.equal(ports.size, 1);
});

test("a handler that throws is a 500 without details", async () => {
  await using ingress = await open();
  await using _route = serve(ingress, owner("es"), "e", {
    maxBodyBytes: 1,
    handle: () => Promise.reject(new Error("secret")),
  });
  assert.equal(await get(ingress.port, ingress.pathOf(owner("es"), "e")), "500 internal error");
});

const names: readonly [string, string][] = [
  ["content-type", "Content-Type"],
  ["X-GITHUB-event", "X-Github-Event"],
  ["x-b3-traceid", "X-B3-Traceid"],
  ["ETag", "Etag"],
  ["x_under_score", "X_under_score"],
  ["X-Fine", "X-Fine"],
];

for (const [sent, canonical] of names) {
  test(`the header ${sent} is shown as ${canonical}`, () => {
    assert.deepEqual(canonicalHeaders([sent, "a", "Host", "h", sent.toUpperCase(), "b"]), { [canonical]: ["a", "b"] });
  });
}

test("a header named as a property of objects is a header like any other", () => {
  const headers = canonicalHeaders(["__proto__", "a", "constructor", "b"]);
  assert.equal(JSON.stringify(headers), '{"Constructor":["b"],"__proto__":["a"]}');
  assert.equal(Object.getPrototypeOf(headers), Object.prototype);
});

test("a stop lets requests under way end, and then their connections", async () => {
  const agent = new HttpAgent({ keepAlive: true });
  const gate = Promise.withResolvers<void>();
  const ingress = await open();
  let entered = false;
  const handle = async (): Promise<{ status: number; text: string }> => {
    entered = true;
    await gate.promise;
    return { status: 200, text: "done" };
  };
  const route = serve(ingress, owner("es"), "e", { maxBodyBytes: 1, handle });
  const answer = get(ingress.port, ingress.pathOf(owner("es"), "e"), {}, agent);
  await waitFor("the request", () => entered);
  const started = performance.now();
  const stopped = Promise.all([route[Symbol.asyncDispose](), ingress[Symbol.asyncDispose]()]);
  gate.resolve();
  assert.equal(await answer, "200 done");
  await stopped;
  agent.destroy();
  assert.ok(performance.now() - started < 2_000);
});

test("requests that never end are cut off when the ingress stops", async () => {
  const ingress = await open({ drainMs: 50 });
  let entered = false;
  const handle = (): Promise<never> => {
    entered = true;
    return new Promise(() => undefined);
  };
  const route = serve(ingress, owner("es"), "e", { maxBodyBytes: 1, handle });
  const answer = assert.rejects(get(ingress.port, ingress.pathOf(owner("es"), "e")), /socket hang up|ECONNRESET/);
  await waitFor("the request", () => entered);
  await Promise.all([route[Symbol.asyncDispose](), ingress[Symbol.asyncDispose]()]);
  await answer;
});

const certificate = await tlsSetup();

test("an own port with a certificate is served with TLS, and takes a renewed one", async () => {
  await using ingress = await open();
  const port = await freePort();
  const secure = { port, endpoint: "/secure", tls: async () => ({ ...certificate.server }) };
  await using served = serve(ingress, owner("a"), "e", { ...says("safe"), ...secure });
  const ask = () =>
    new Promise<string>((resolve, reject) => {
      const options = { host: "127.0.0.1", port, path: "/secure", ca: certificate.ca, agent: false as const };
      requestSecurely(options, (response) => response.resume().on("end", () => resolve(String(response.statusCode))))
        .on("error", reject)
        .end();
    });
  await waitFor("the port", () => ask().catch(() => undefined));
  assert.equal(await ask(), "200");
  assert.deepEqual(served.warnings, [undefined, undefined]);
  await using plain = serve(ingress, owner("b"), "e", { ...says("plain"), port, endpoint: "/plain" });
  await waitFor("the warning", () => plain.warnings.some((text) => text?.includes("is served with TLS for another")));
  assert.equal(await get(ingress.port, ingress.pathOf(owner("b"), "e")), "200 plain");
});

test("a certificate that cannot be read is a warning; the ingress URL works", async () => {
  await using ingress = await open();
  const tls = () => Promise.reject(new Error("Secret is not there"));
  await using served = serve(ingress, owner("a"), "e", { ...says("ok"), port: await freePort(), endpoint: "/s", tls });
  await waitFor("the warning", () =>
    served.warnings.some((text) => text?.includes("has no certificate: Secret is not there")),
  );
  assert.equal(await get(ingress.port, ingress.pathOf(owner("a"), "e")), "200 ok");
});

test("each EventSource gets free ports for those that it names, which any Host may be sent to", async () => {
  const told: string[] = [];
  await using ingress = await open({ ownPortHost: "127.0.0.1", onAllocated: ({ name }) => void told.push(name) });
  const route = (text: string): HttpRoute => ({ ...says(text), port: 12_000, endpoint: "/push" });
  {
    await using a = serve(ingress, owner("a"), "push", route("a"));
    await using b = serve(ingress, owner("b", "2026-01-02T00:00:00Z"), "push", route("b"));
    await waitFor("both ports", () => told.length === 2);
    for (const name of ["a", "b"]) {
      const port = ingress.allocated(owner(name)).get(12_000);
      assert.ok(port !== undefined && port !== 12_000);
      assert.equal(await get(port, "/push", { host: "hooks.example.com" }), `200 ${name}`);
    }
    assert.deepEqual(
      [a.warnings, b.warnings],
      [
        [undefined, undefined],
        [undefined, undefined],
      ],
    );
    assert.match(await get(ingress.port, "/webhooks/default/a/push", { host: "hooks.example.com" }), /^403/);
  }
  assert.deepEqual([told.length, ingress.allocated(owner("a")).size], [4, 0]);
});
