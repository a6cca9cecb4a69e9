import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { generate } from "selfsigned";
import { systemClock } from "../../src/base/clock.ts";
import { EngineError } from "../../src/base/errors.ts";
import type { JsonObject } from "../../src/base/json.ts";
import { silentLogger } from "../../src/base/log.ts";
import { readExotic } from "../../src/controllers/exotic-bus.ts";
import { openJetStreamBus } from "../../src/events/bus/jetstream.ts";
import { argoStream } from "../../src/events/bus/streams.ts";
import { rawSubject } from "../../src/record/subject.ts";
import { natsServerMissing, startNatsServer } from "../harness/nats-server.ts";
import { tempDir } from "../harness/temp-dir.ts";

const skip = natsServerMissing() ?? false;

/** Its users, a certificate of its own for localhost, and the Secrets that a person would make of them. */
async function openServer() {
  const { cert, private: key } = await generate([{ name: "commonName", value: "bus" }], {
    keyType: "ec",
    algorithm: "sha256",
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }] },
    ],
  });
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await tempDir());
  const file = (name: string) => join(dir.path, name);
  await writeFile(file("cert.pem"), cert);
  await writeFile(file("key.pem"), key);
  const tls = `tls { cert_file: "${file("cert.pem")}", key_file: "${file("key.pem")}" }`;
  await writeFile(file("nats.conf"), `${tls}\nauthorization { user: ann, password: "p:w" }`);
  const server = stack.use(await startNatsServer({ args: ["-c", file("nats.conf")] }));
  const secrets: Record<string, string> = { ca: cert, access: "username: ann\npassword: p:w", wrong: "username: ann" };
  const owned = stack.move();
  return {
    async open(spec: JsonObject) {
      const { streamConfig, url, ...access } = readExotic(
        { url: server.url.replace("127.0.0.1", "localhost"), streamConfig: "replicas: 1", ...spec },
        {
          async read({ key: name }) {
            const text = secrets[name];
            if (text === undefined) throw new EngineError("SECRET_MISSING", `no key "${name}"`);
            return text;
          },
          readConfigMap: () => assert.fail("no config map is named"),
        },
      );
      const options = { servers: url, streams: [argoStream(streamConfig)], ...access };
      return openJetStreamBus({ ...options, log: silentLogger, clock: systemClock, name: "test" });
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const access = { accessSecret: { name: "s", key: "access" } };
const tls = { caCertSecret: { name: "s", key: "ca" } };

for (const [name, spec] of [
  ["the CA is given", { ...access, tls }],
  ["nothing is verified", { ...access, tls: { insecureSkipVerify: true } }],
] as const) {
  test(`a jetstreamExotic bus over TLS opens when ${name}`, { skip }, async () => {
    await using server = await openServer();
    await using bus = await server.open(spec);
    const { sequence } = await bus.publish(rawSubject("default.a.b"), { id: "1", data: Buffer.from("1") });
    assert.equal(sequence, 1);
  });
}

for (const [name, spec, code] of [
  ["nobody vouches for the certificate", access, "BUS_UNAVAILABLE"],
  ["the password is wrong", { accessSecret: { name: "s", key: "wrong" }, tls }, "BUS_UNAUTHORIZED"],
  ["the CA's Secret is not there", { ...access, tls: { caCertSecret: { name: "s", key: "none" } } }, "SECRET_MISSING"],
] as const) {
  test(`a jetstreamExotic bus does not open when ${name}`, { skip }, async () => {
    await using server = await openServer();
    await assert.rejects(server.open(spec), { code });
  });
}
