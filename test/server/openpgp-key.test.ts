import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { keyBlocksIn, publicKeysIn } from "../../src/server/openpgp-key.ts";
import { gpgMissing } from "../harness/gpg.ts";
import { tempDir } from "../harness/temp-dir.ts";

test("a key of RSA is read as gpg reads it", { skip: gpgMissing() ?? false }, async () => {
  await using dir = await tempDir();
  const home = ["--homedir", dir.path, "--batch", "--quiet", "--no-tty"];
  const gpg = (...args: string[]) =>
    execFileSync("gpg", [...home, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  gpg("--passphrase", "", "--quick-gen-key", "Ann <ann@example.com>", "rsa2048", "sign", "never");
  const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(gpg("--with-colons", "--list-keys"))?.[1];
  const [key] = publicKeysIn(gpg("--armor", "--export"));
  execFileSync("gpgconf", ["--homedir", dir.path, "--kill", "all"], { stdio: "ignore" });
  assert.deepEqual([key?.fingerprint, key?.subType, key?.owner], [fingerprint, "rsa2048", "Ann <ann@example.com>"]);
});

test("what is no key has none, whatever it is", () => {
  const block = (text: string): string =>
    `-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n${text}\n-----END PGP PUBLIC KEY BLOCK-----`;
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const [found = ""] = keyBlocksIn(`text ${block(Buffer.from(bytes).toString("base64"))} text`);
      for (const { keyID } of publicKeysIn(found)) assert.match(keyID, /^[0-9A-F]{16}$/);
    }),
  );
  assert.deepEqual(keyBlocksIn("none"), []);
});
