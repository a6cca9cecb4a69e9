import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { nkeys } from "@nats-io/transport-node";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { openJetStreamBus } from "../../../src/events/bus/jetstream.ts";
import { type BusCredentials, mergeCredentials, readServers } from "../../../src/events/bus/jetstream-credentials.ts";
import { rawSubject } from "../../../src/record/subject.ts";
import { operatorSetup, tlsSetup } from "../../harness/nats-accounts.ts";
import { natsServerMissing, startNatsServer } from "../../harness/nats-server.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { waitFor } from "../../harness/wait.ts";

const subject = rawSubject("events.a");
const streams = [{ name: "events", subjects: [rawSubject("events.>")], dedupeWindowMs: 60_000 }];

function open(servers: string, credentials?: () => Promise<BusCredentials>, log = silentLogger) {
  return openJetStreamBus({
    servers,
    streams,
    log,
    clock: systemClock,
    name: "test",
    credentialsEveryMs: 50,
    connectTimeoutMs: 1000,
    ...(credentials ? { credentials } : {}),
  });
}

async function worksWith(servers: string, credentials?: BusCredentials): Promise<void> {
  await using bus = await open(servers, credentials && (async () => credentials));
  const { stream } = await bus.publish(subject, { id: crypto.randomUUID(), data: Buffer.from("x") });
  assert.equal(stream, "events");
}

const withLogin = (url: string, login: string): string => url.replace("//", `//${login}@`);

const lists: [string, ReturnType<typeof readServers>][] = [
  ["nats://h:1", { servers: ["nats://h:1"], shown: "nats://h:1", credentials: {} }],
  ["h:1, h:2", { servers: ["h:1", "h:2"], shown: "h:1, h:2", credentials: {} }],
  ["nats://me:a%40b@h", { servers: ["nats://h"], shown: "nats://h", credentials: { user: "me", pass: "a@b" } }],
  [
    "nats://tok@h,nats://i",
    { servers: ["nats://h", "nats://i"], shown: "nats://h, nats://i", credentials: { token: "tok" } },
  ],
  ["tls://h:1", { servers: ["tls://h:1"], shown: "tls://h:1", credentials: { tls: {} } }],
];
for (const [text, expected] of lists) {
  it(`reads servers and their login from ${text}`, () => assert.deepEqual(readServers(text), expected));
}

const merges: [string, BusCredentials, BusCredentials, BusCredentials][] = [
  ["a token given beats the user of the URL", { user: "u", pass: "p" }, { token: "t" }, { token: "t" }],
  ["a user given beats the token of the URL", { token: "t" }, { user: "u", pass: "p" }, { user: "u", pass: "p" }],
  ["TLS given leaves the login of the URL", { token: "t" }, { tls: { ca: "c" } }, { token: "t", tls: { ca: "c" } }],
  ["tls:// stays beside a login given", { tls: {} }, { token: "t" }, { token: "t", tls: {} }],
];
for (const [name, url, given, expected] of merges) {
  it(`merges credentials: ${name}`, () => assert.deepEqual(mergeCredentials(url, given), expected));
}

for (const given of [{ nkeySeed: "SUNONSENSE" }, { creds: "no creds" }]) {
  it(`refuses ${Object.keys(given)} that cannot be used, without showing them`, () => {
    assert.throws(
      () => mergeCredentials({}, given),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, "BUS_UNAUTHORIZED");
        assert.ok(!Object.values(given).some((secret) => error.message.includes(secret)), error.message);
        return true;
      },
    );
  });
}

for (const release of ["installed", "current"] as const) {
  describe(`credentials on the ${release} nats-server`, { skip: natsServerMissing(release) ?? false }, () => {
    it("shows a token, and says so when it is refused", async () => {
      await using server = await startNatsServer({ release, config: "authorization { token: right }" });
      await worksWith(server.url, { token: "right" });
      await worksWith(withLogin(server.url, "right"));
      await assert.rejects(worksWith(server.url, { token: "wrong" }), {
        code: "BUS_UNAUTHORIZED",
        message: /refuses our credentials/,
      });
      await assert.rejects(worksWith(server.url), { code: "BUS_UNAUTHORIZED" });
    });

    it("shows a user and password", async () => {
      await using server = await startNatsServer({ release, config: "authorization { user: me, password: right }" });
      await worksWith(server.url, { user: "me", pass: "right" });
      await worksWith(withLogin(server.url, "me:right"));
      await assert.rejects(worksWith(server.url, { user: "me", pass: "wrong" }), { code: "BUS_UNAUTHORIZED" });
    });

    it("signs with an NKey", async () => {
      const key = nkeys.createUser();
      const config = `authorization { users: [ { nkey: ${key.getPublicKey()} } ] }`;
      await using server = await startNatsServer({ release, config });
      await worksWith(server.url, { nkeySeed: `${Buffer.from(key.getSeed())}\n` });
      const other = Buffer.from(nkeys.createUser().getSeed()).toString();
      await assert.rejects(worksWith(server.url, { nkeySeed: other }), { code: "BUS_UNAUTHORIZED" });
    });

    it("takes a creds file", async () => {
      const { config, creds } = operatorSetup();
      await using server = await startNatsServer({ release, config });
      await worksWith(server.url, { creds });
      await assert.rejects(worksWith(server.url, { creds: operatorSetup().creds }), { code: "BUS_UNAUTHORIZED" });
    });

    it("checks the server's certificate and shows one of its own", async () => {
      const { ca, client, config, [Symbol.asyncDispose]: dispose } = await tlsServerConfig();
      await using _files = { [Symbol.asyncDispose]: dispose };
      await using server = await startNatsServer({ release, config });
      await worksWith(server.url, { tls: { ca, ...client } });
      await worksWith(server.url.replace("nats://", "tls://"), { tls: { ca, ...client } });
      await worksWith(server.url, { tls: { ...client, insecureSkipVerify: true } });
      await assert.rejects(worksWith(server.url, { tls: client }), { code: "BUS_UNAVAILABLE", message: /certificate/ });
      await assert.rejects(worksWith(server.url, { tls: { ca } }), { code: "BUS_UNAVAILABLE" });
    });

    it("sends no password to a server without TLS where TLS is asked for", async () => {
      await using server = await startNatsServer({ release });
      const url = withLogin(server.url.replace("nats://", "tls://"), "me:secret");
      await assert.rejects(worksWith(url), { code: "BUS_UNAVAILABLE", message: /does not support 'tls'/ });
    });
  });
}

async function tlsServerConfig() {
  const dir = await tempDir();
  const { ca, server, client } = await tlsSetup();
  const files = { ca, cert: server.cert, key: server.key };
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir.path, `${name}.pem`), text);
  const path = (name: string): string => JSON.stringify(join(dir.path, `${name}.pem`));
  const config = `tls { cert_file: ${path("cert")}, key_file: ${path("key")}, ca_file: ${path("ca")}, verify: true }`;
  return { ca, client, config, [Symbol.asyncDispose]: dir[Symbol.asyncDispose] };
}

describe("credentials that change", { skip: natsServerMissing() ?? false }, () => {
  const user = (name: string): string => `{ user: ${name}, password: p }`;
  const users = (...names: string[]): string => `authorization { users: [ ${names.map(user).join(", ")} ] }`;

  it("keeps its connection until the server takes the new ones, then moves over and loses nothing", async () => {
    await using server = await startNatsServer({ config: users("old") });
    let current = { user: "old", pass: "p" };
    const said: string[] = [];
    const record = (message: string): void => void said.push(message);
    const log = { ...silentLogger, info: record, warn: record };
    await using bus = await open(server.url, async () => current, log);
    const publish = (id: string) => bus.publish(subject, { id, data: Buffer.from(id) });
    await publish("1");
    current = { user: "new", pass: "p" };
    await waitFor("the server to refuse the new ones", () => said.includes("bus credentials not taken up"));
    await publish("2");
    assert.equal(bus.health().state, "connected");
    await server.reload(users("old", "new"));
    const moved = ["bus credentials changed", "bus away", "bus back"];
    await waitFor("the bus to move over", () => moved.every((message) => said.includes(message)));
    await server.reload(users("new"));
    await publish("3");
    assert.equal(said.filter((message) => message === "bus away").length, 1, "the server let the new user stay");
    assert.equal(bus.health().state, "connected");
  });

  it("comes back with the new password when the server let the old one go", async () => {
    await using server = await startNatsServer({ config: users("old") });
    let current = { user: "old", pass: "p" };
    await using bus = await open(server.url, async () => current);
    await bus.publish(subject, { id: "1", data: Buffer.from("1") });
    await server.restart(users("new"));
    await waitFor("the refusal", () => {
      const health = bus.health();
      return health.state === "away" && health.reason.includes("refuses our credentials");
    });
    current = { user: "new", pass: "p" };
    assert.equal((await bus.publish(subject, { id: "2", data: Buffer.from("2") })).sequence, 2);
  });
});
