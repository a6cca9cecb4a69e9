import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { ensureCertificate } from "../../src/local/certificate.ts";
import { type RunningEngine, startEngine } from "../harness/engine.ts";
import { createGpgSigner, createSshSigner, gpgMissing } from "../harness/gpg.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import { tempDir } from "../harness/temp-dir.ts";

failOnLeakedChildren();

async function expect(engine: RunningEngine, line: string, code: number, text: RegExp): Promise<void> {
  const result = await engine.cli(line.split(" "));
  assert.equal(result.code, code, `${line}: ${result.stdout}${result.stderr}`);
  assert.match(result.stdout + result.stderr, text, line);
}

test("hosts and certificates that are trusted, by the command line", async () => {
  await using engine = await startEngine();
  await using dir = await tempDir();
  await using signer = await createSshSigner();
  const [type = "", key = ""] = signer.publicKey.trim().split(/\s+/);
  const hosts = join(dir.path, "known_hosts");
  await writeFile(hosts, `# comment\ngit.example,[git.example]:2222 ${type} ${key}\n`);
  await ensureCertificate(dir.path, systemClock);
  const pem = join(dir.path, "cert.pem");
  const { cert } = await ensureCertificate(dir.path, systemClock);
  await writeFile(pem, cert);

  await expect(engine, `cert add-ssh --batch --from ${hosts}`, 0, /^Successfully created 2 SSH known host entries\n$/);
  await expect(engine, `cert add-ssh --batch --from ${hosts}`, 0, /^Successfully/); // the same again is no change
  await expect(engine, `cert add-tls charts.example --from ${pem}`, 0, /^Created entry with 1 PEM certificates/);
  // A host may have any name, also one that every object of JavaScript has.
  await expect(engine, `cert add-tls constructor --from ${pem}`, 0, /^Created entry with 1 PEM certificates/);
  await expect(engine, "cert list --hostname-pattern constructor", 0, /^HOSTNAME.*\nconstructor +https [^\n]*\n$/);
  await expect(engine, "cert rm constructor", 0, /^Removed cert for 'constructor'/);
  await expect(engine, `cert add-tls charts.example --from ${hosts}`, 2, /No valid certificates/);
  // As ssh-keygen shows it.
  const { stdout } = await engine.cli(["cert", "list", "--sort", "hostname"]);
  assert.match(stdout, /^HOSTNAME +TYPE +SUBTYPE +INFO\n/);
  assert.ok(stdout.includes("git.example") && stdout.includes(signer.key), stdout);
  assert.match(stdout, /charts\.example +https +ec +\S*CN=/);
  await expect(engine, "cert list --cert-type https", 0, /^HOSTNAME.*\ncharts\.example [^\n]*\n$/);

  await using other = await createSshSigner();
  await writeFile(hosts, `git.example ${other.publicKey.trim()}\n`);
  await expect(engine, `cert add-ssh --from ${hosts}`, 20, /already exists and upsert was not specified/);
  await expect(engine, `cert add-ssh --from ${hosts} --upsert`, 0, /created 1 SSH/);
  const changed = (await engine.cli(["cert", "list", "--cert-type", "ssh"])).stdout;
  assert.deepEqual([changed.includes(other.key), changed.split("\n").length], [true, 4]);

  await expect(engine, "cert rm git.example", 0, /^Removed cert for 'git\.example' of type 'ssh\/ssh-ed25519'\n$/);
  await expect(engine, "cert rm git.example", 20, /there are no keys or certificates/);
  await expect(engine, "cert rm charts.example --cert-type https", 0, /^Removed cert for 'charts\.example'/);
  await expect(engine, "cert list", 0, /^HOSTNAME +TYPE +SUBTYPE +INFO\n\[git\.example\]:2222 [^\n]*\n$/);
});

test("keys that commits may be signed with, by the command line", { skip: gpgMissing() ?? false }, async () => {
  await using engine = await startEngine();
  await using dir = await tempDir();
  await using one = await createGpgSigner("one");
  await using two = await createGpgSigner("two");
  const file = join(dir.path, "keys.asc");
  await writeFile(file, `${one.publicKey}\n${two.publicKey}`);
  await expect(engine, `gpg add --from ${file}`, 0, /^Created 2 key\(s\) from input file\.\n$/);
  await expect(engine, `gpg add --from ${file}`, 0, /^Created 0 key\(s\) from input file, and 2 key\(s\) were skipped/);
  const id = one.key.slice(-16);
  await expect(engine, "gpg list", 0, /^KEYID +TYPE +IDENTITY\n/);
  const list = (await engine.cli(["gpg", "list"])).stdout;
  assert.match(list, /ED25519 +one <one@example\.com>/);
  assert.ok(list.includes(id));
  const details = (await engine.cli(["gpg", "get", one.key])).stdout;
  assert.ok(details.includes(`Key fingerprint: ${one.key}`) && details.includes("BEGIN PGP PUBLIC KEY BLOCK"));
  await expect(engine, `gpg rm ${id}`, 0, /^Deleted key with key ID/);
  await expect(engine, `gpg rm ${id}`, 20, /No such key/);
  await writeFile(file, "no key");
  await expect(engine, `gpg add --from ${file}`, 20, /must hold public keys of OpenPGP/);
});
