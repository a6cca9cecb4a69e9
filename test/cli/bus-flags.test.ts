import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { it } from "node:test";
import { type BusFlags, busOf } from "../../src/cli/bus-flags.ts";
import { tempDir } from "../harness/temp-dir.ts";

const bus = "nats://h:4222";

it("reads the files anew at each call", async () => {
  await using dir = await tempDir();
  const path = (name: string): string => join(dir.path, name);
  for (const name of ["creds", "ca", "cert", "key"]) await writeFile(path(name), `${name} text`);
  const flags = { bus, busCreds: path("creds"), busCa: path("ca"), busCert: path("cert"), busKey: path("key") };
  const { busCredentials } = busOf(flags);
  assert.deepEqual(await busCredentials?.(), {
    creds: "creds text",
    tls: { ca: "ca text", cert: "cert text", key: "key text" },
  });
  await writeFile(path("creds"), "new text");
  assert.equal((await busCredentials?.())?.creds, "new text");
});

it("asks for no TLS where only creds are given", async () => {
  await using dir = await tempDir();
  const busCreds = join(dir.path, "creds");
  await writeFile(busCreds, "c");
  assert.deepEqual(await busOf({ bus, busCreds }).busCredentials?.(), { creds: "c" });
});

it("takes the embedded bus without flags, and several servers", () => {
  assert.deepEqual(busOf({}), {});
  assert.deepEqual(busOf({ bus: "nats://a:1,tls://b:2" }), { bus: "nats://a:1,tls://b:2" });
});

const wrong: [string, BusFlags, RegExp][] = [
  ["files without a bus", { busCa: "x" }, /need --bus/],
  ["a certificate without its key", { bus, busCert: "x" }, /go together/],
  ["a URL of another protocol", { bus: "http://user:secret@h" }, /^--bus: "http:\/\/h" must be a URL such as nats:/],
  ["a second server that is no URL", { bus: `${bus},nonsense` }, /^--bus: "nonsense" must be a URL/],
];
for (const [name, flags, message] of wrong) {
  it(`refuses ${name}`, () => assert.throws(() => busOf(flags), { code: "CONFIG_INVALID", message }));
}

it("names the flag whose file is missing", async () => {
  await assert.rejects(busOf({ bus, busCa: "/none" }).busCredentials?.() ?? Promise.resolve(), {
    code: "CONFIG_INVALID",
    message: /--bus-ca: "\/none" cannot be read/,
  });
});
