import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { jetstreamManager, RetentionPolicy, StorageType, type StreamConfig } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { generate } from "selfsigned";
import { systemClock } from "../../../src/base/clock.ts";
import { parseBusUrl } from "../../../src/cli/bus/address.ts";
import { checkBus } from "../../../src/cli/bus/check.ts";
import type { Finding, Step } from "../../../src/cli/bus/finding.ts";
import type { TlsAccess } from "../../../src/cli/bus/tls.ts";
import { systemStreams } from "../../../src/events/bus/streams.ts";
import { freePort } from "../../harness/free-port.ts";
import { type NatsServer, natsServerMissing, startNatsServer } from "../../harness/nats-server.ts";
import { mainFile, run } from "../../harness/run.ts";
import { tempDir } from "../../harness/temp-dir.ts";

const skip = natsServerMissing() ?? false;
const dayMs = 24 * 60 * 60 * 1000;

function check(url: string, tls: TlsAccess = {}): Promise<readonly Finding[]> {
  return checkBus({
    url: parseBusUrl(url),
    tls,
    streams: systemStreams(),
    areLimitsDefaults: false,
    clock: systemClock,
  });
}

/** All before `step` is well, nothing after it was done; gives what the step says. */
function failedAt(findings: readonly Finding[], step: Step): string {
  const text = JSON.stringify(findings, null, 2);
  const failures = findings.filter(({ outcome }) => outcome === "failed");
  assert.ok(failures.length > 0, text);
  for (const failure of failures) {
    assert.equal(failure.step, step, text);
    assert.ok(failure.remedy, text);
  }
  return failures.map(({ message, remedy }) => `${message} | ${remedy}`).join("\n");
}

function outcomes(findings: readonly Finding[]): string[] {
  return findings.map(({ step, outcome }) => `${step} ${outcome}`);
}

/** A server with a configuration of its own beside the port. */
async function serverWith(config: string, options: { jetstream?: boolean } = {}) {
  const dir = await tempDir();
  const file = join(dir.path, "nats.conf");
  await writeFile(file, config.replaceAll("DIR", dir.path));
  const server = await startNatsServer({ ...options, args: ["-c", file] });
  return Object.assign(server, { directory: dir.path });
}

async function streamsOf(server: NatsServer): Promise<string[]> {
  const nc = await connect({ servers: server.url });
  try {
    const names = [];
    for await (const name of (await jetstreamManager(nc)).streams.names()) names.push(name);
    return names;
  } finally {
    await nc.close();
  }
}

async function addStream(server: NatsServer, config: Partial<StreamConfig> & { name: string }): Promise<void> {
  const nc = await connect({ servers: server.url });
  await (await jetstreamManager(nc)).streams.add(config);
  await nc.close();
}

describe("bus check", { skip }, () => {
  test("a good bus passes every step and is left as it was", async () => {
    await using server = await startNatsServer();
    const findings = await check(server.url);
    const streams = Array.from({ length: systemStreams().length }, () => "streams ok");
    assert.deepEqual(outcomes(findings), [
      "DNS ok",
      "TCP ok",
      "TLS ok",
      "auth ok",
      "JetStream ok",
      ...streams,
      "round trip ok",
    ]);
    assert.deepEqual(await streamsOf(server), []);
  });

  test("DNS: a name that does not exist", async () => {
    const findings = await check("nats://bus.shop.svc.invalid:4222");
    assert.match(failedAt(findings, "DNS"), /no such name.*inside their cluster/);
    assert.deepEqual(outcomes(findings).slice(1), [
      "TCP skipped",
      "TLS skipped",
      "auth skipped",
      "JetStream skipped",
      "streams skipped",
      "round trip skipped",
    ]);
  });

  test("TCP: nothing listens", async () => {
    assert.match(failedAt(await check(`nats://127.0.0.1:${await freePort()}`), "TCP"), /nothing listens on this port/);
  });

  for (const [name, greeting, expected] of [
    ["closes at once", undefined, /does not speak as a nats-server does/],
    ["greets as a mail server", "220 mail.example.com ESMTP\r\n", /is no nats-server/],
    ["greets without an end", "x".repeat(70_000), /is no nats-server/],
    ["greets with broken JSON", "INFO {oops}\r\n", /is no nats-server/],
  ] as const) {
    test(`TCP: what listens ${name}`, async () => {
      const server = createServer((socket) => {
        socket.on("error", () => undefined); // the check closes as soon as it knows
        if (greeting === undefined) socket.end();
        else socket.write(greeting);
      }).listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      try {
        assert.match(failedAt(await check(`nats://127.0.0.1:${port}`), "TCP"), expected);
      } finally {
        server.close();
      }
    });
  }

  test("of several servers one that answers is asked, and one that does not is told", async () => {
    await using server = await startNatsServer();
    const findings = await check(`nats://127.0.0.1:${await freePort()},${server.url}`);
    assert.ok(outcomes(findings).includes("TCP warning"));
    assert.ok(!findings.some(({ outcome }) => outcome === "failed"));
    assert.ok(outcomes(findings).includes("round trip ok"));
  });
});

describe("bus check, TLS", { skip }, () => {
  interface Made {
    readonly hosts?: readonly string[];
    readonly from?: number;
    readonly to?: number;
  }

  async function makeCertificate({ hosts = ["localhost"], from = -2, to = 365 }: Made = {}) {
    const now = systemClock.now();
    return await generate([{ name: "commonName", value: "bus" }], {
      keyType: "ec",
      algorithm: "sha256",
      notBeforeDate: new Date(now + from * dayMs),
      notAfterDate: new Date(now + to * dayMs),
      extensions: [
        { name: "basicConstraints", cA: true, critical: true },
        { name: "subjectAltName", altNames: hosts.map((value) => ({ type: 2, value })) },
      ],
    });
  }

  async function tlsServer(made: Made, more = "") {
    const { cert, private: key } = await makeCertificate(made);
    await using dir = await tempDir();
    const [certFile, keyFile] = [join(dir.path, "cert.pem"), join(dir.path, "key.pem")];
    await writeFile(certFile, cert);
    await writeFile(keyFile, key);
    // Read at its start only.
    const server = await serverWith(
      `tls { cert_file: "${certFile}", key_file: "${keyFile}"${more.replace("CERT", certFile)} }`,
    );
    return {
      server,
      ca: cert,
      key,
      url: server.url.replace("127.0.0.1", "localhost"),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  }

  test("a certificate whose CA is given is good", async () => {
    await using bus = await tlsServer({});
    const findings = await check(bus.url, { ca: bus.ca });
    assert.deepEqual(outcomes(findings).slice(0, 4), ["DNS ok", "TCP ok", "TLS ok", "auth ok"]);
    assert.match(findings[2]?.message ?? "", /good for 36[45] days/);
    assert.equal(findings.at(-1)?.outcome, "ok");
  });

  test("one that ends soon is a warning", async () => {
    await using bus = await tlsServer({ to: 3 });
    const findings = await check(bus.url, { ca: bus.ca });
    assert.equal(findings[2]?.outcome, "warning");
    assert.equal(findings.at(-1)?.outcome, "ok");
  });

  for (const [name, made, trusted, expected] of [
    ["expired", { from: -9, to: -1 }, true, [/ended on/]],
    ["not valid yet", { from: 2, to: 9 }, true, [/begins on .* only/]],
    ["of an unknown CA", {}, false, [/nobody who is trusted signed/]],
    [
      "for another name",
      { hosts: ["other.example.com"] },
      true,
      [/not for localhost, but for DNS:other\.example\.com/],
    ],
    [
      "expired and for another name",
      { hosts: ["x.example.com"], from: -9, to: -1 },
      true,
      [/ended on/, /not for localhost/],
    ],
    [
      "of an unknown CA and for another name",
      { hosts: ["x.example.com"] },
      false,
      [/not for localhost/, /nobody who is trusted/],
    ],
  ] as const) {
    test(`a certificate that is ${name}`, async () => {
      await using bus = await tlsServer(made);
      const ca = trusted ? bus.ca : (await makeCertificate()).cert;
      const text = failedAt(await check(bus.url, { ca }), "TLS");
      assert.equal(text.split("\n").length, expected.length, text);
      for (const pattern of expected) assert.match(text, pattern);
    });
  }

  test("without --ca the system's CAs do not know it", async () => {
    await using bus = await tlsServer({});
    assert.match(failedAt(await check(bus.url), "TLS"), /DEPTH_ZERO_SELF_SIGNED_CERT.*--ca FILE/);
  });

  test("a server that wants a client's certificate", async () => {
    await using bus = await tlsServer({}, ', ca_file: "CERT", verify: true');
    assert.match(failedAt(await check(bus.url, { ca: bus.ca }), "TLS"), /wants a certificate of the client/);
    const findings = await check(bus.url, { ca: bus.ca, cert: bus.ca, key: bus.key });
    assert.equal(findings.at(-1)?.outcome, "ok", JSON.stringify(findings));
  });

  test("tls:// on a server without TLS", async () => {
    await using server = await startNatsServer();
    assert.match(failedAt(await check(server.url.replace("nats:", "tls:")), "TLS"), /does not speak TLS/);
  });
});

describe("bus check, credentials and JetStream", { skip }, () => {
  const users = 'authorization { users: [{ user: "ann", password: "p@ss" }] }';

  for (const [name, credentials, expected] of [
    ["none", "", /none were given/],
    ["a wrong password", "ann:nope@", /refuses user "ann" or the password/],
    ["an unknown user", "bob:p%40ss@", /refuses user "bob"/],
    ["a token", "secret-token@", /refuses the token/],
  ] as const) {
    test(`auth: ${name}`, async () => {
      await using server = await serverWith(users);
      const text = failedAt(await check(server.url.replace("//", `//${credentials}`)), "auth");
      assert.match(text, expected);
      assert.doesNotMatch(text, /p@ss|p%40ss|nope|secret-token/);
    });
  }

  test("auth: the right password", async () => {
    await using server = await serverWith(users);
    const findings = await check(server.url.replace("//", "//ann:p%40ss@"));
    assert.equal(findings.at(-1)?.outcome, "ok", JSON.stringify(findings));
  });

  test("JetStream is off", async () => {
    await using server = await startNatsServer({ jetstream: false });
    assert.match(failedAt(await check(server.url), "JetStream"), /runs without JetStream.*-js/);
  });

  const accounts = `accounts {
    with { jetstream: enabled, users: [{ user: "ann", password: "a" }] }
    without { users: [{ user: "bob", password: "b" }] }
  }`;
  for (const [user, isGood] of [
    ["ann:a@", true],
    ["bob:b@", false],
  ] as const) {
    test(`the account of ${user.slice(0, 3)} ${isGood ? "has" : "lacks"} JetStream`, async () => {
      await using server = await serverWith(accounts);
      const findings = await check(server.url.replace("//", `//${user}`));
      if (isGood) assert.equal(findings.at(-1)?.outcome, "ok", JSON.stringify(findings));
      else assert.match(failedAt(findings, "JetStream"), /not for this account/);
    });
  }

  test("the user may not ask JetStream", async () => {
    await using server = await serverWith(
      'authorization { users: [{ user: "ann", password: "a", permissions: { publish: { deny: ["$JS.API.>"] } } }] }',
    );
    assert.match(failedAt(await check(server.url.replace("//", "//ann:a@")), "JetStream"), /may not ask JetStream/);
  });
});

describe("bus check, streams and the round trip", { skip }, () => {
  const events = { name: "events", subjects: ["events.>"], storage: StorageType.File };

  for (const [name, stream, expected] of [
    ["in memory", { ...events, storage: StorageType.Memory }, /"events": storage is memory, wanted file/],
    ["that is a work queue", { ...events, retention: RetentionPolicy.Workqueue }, /retention is workqueue/],
    ["of another name with our subjects", { ...events, name: "mine" }, /"events" cannot be made: stream "mine" holds/],
  ] as const) {
    test(`a stream ${name} cannot be used`, async () => {
      await using server = await startNatsServer();
      await addStream(server, stream);
      assert.match(failedAt(await check(server.url), "streams"), expected);
    });
  }

  test("a stream with other limits is a warning, and stays as it is", async () => {
    await using server = await startNatsServer();
    await addStream(server, { ...events, max_msgs: 5 });
    const findings = await check(server.url);
    const warnings = findings.filter(({ outcome }) => outcome === "warning");
    assert.deepEqual(
      warnings.map(({ step }) => step),
      ["streams"],
    );
    assert.match(warnings[0]?.message ?? "", /max_msgs is 5, wanted -1/);
    assert.deepEqual(await streamsOf(server), ["events"]);
  });

  test("an account that may have no more streams fails the round trip", async () => {
    await using server =
      await serverWith(`accounts { a { jetstream: { max_streams: 1 }, users: [{ user: "ann", password: "a" }] } }
      no_auth_user: ann`);
    await addStream(server, { name: "mine", subjects: ["mine"] });
    assert.match(failedAt(await check(server.url), "round trip"), /maximum number of streams reached/);
  });

  test("a user who may make no streams but ask for them fails the round trip", async () => {
    await using server = await serverWith(
      'authorization { users: [{ user: "ann", password: "a", permissions: { publish: { deny: ["$JS.API.STREAM.CREATE.>"] } } }] }',
    );
    failedAt(await check(server.url.replace("//", "//ann:a@")), "round trip");
  });
});

describe("tiphys bus check", { skip }, () => {
  const tiphys = (...args: string[]) => run(process.execPath, [mainFile, ...args]);

  test("exits 0 and prints a line for each step", async () => {
    await using server = await startNatsServer();
    const { code, stdout, stderr } = await tiphys("bus", "check", server.url);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /^ok {7}DNS .*\nok {7}TCP .*\n(.*\n)*ok {7}round trip {2}a message was stored/);
  });

  test("exits 0 for the stream of an EventBus, which is another", async () => {
    await using server = await startNatsServer();
    const { code, stdout } = await tiphys("bus", "check", "--event-bus", server.url);
    assert.equal(code, 0);
    assert.match(stdout, /"default" is not there yet/);
    await addStream(server, { name: "default", subjects: ["default.*.*"], max_msgs: 5 });
    const again = await tiphys("bus", "check", "--event-bus", server.url);
    assert.equal(again.code, 0);
    assert.match(again.stdout, /ok +streams +"default" is there; its limits are up to the streamConfig/);
  });

  test("exits 1 with what to do, as text and as JSON", async () => {
    const url = `nats://127.0.0.1:${await freePort()}`;
    const text = await tiphys("bus", "check", url);
    assert.equal(text.code, 1);
    assert.match(
      text.stdout,
      /failed {3}TCP {9}127\.0\.0\.1:\d+: nothing listens on this port\n {21}Start the nats-server/,
    );
    const json = await tiphys("-o", "json", "bus", "check", url);
    assert.equal(json.code, 1);
    assert.equal(failedAt(JSON.parse(json.stdout), "TCP").includes("nothing listens"), true);
  });

  for (const [name, args] of [
    ["no URL, where there is no engine and no data", ["--data-dir", "/nowhere/at/all"]],
    ["another scheme", ["http://127.0.0.1"]],
    ["no host", ["nats://"]],
    ["a key without its certificate", ["--key", "k.pem", "nats://127.0.0.1"]],
    ["a CA that is not there", ["--ca", "/nowhere/ca.pem", "nats://127.0.0.1"]],
  ] as const) {
    test(`exits 2 for ${name}`, async () => {
      const globals = args[0] === "--data-dir" ? args : [];
      const { code, stdout } = await tiphys(...globals, "bus", "check", ...(globals === args ? [] : args));
      assert.deepEqual([code, stdout], [2, ""]);
    });
  }
});
