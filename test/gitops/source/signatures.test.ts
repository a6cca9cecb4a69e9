import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestRepository, git, type TestRepository } from "../../harness/git-repository.ts";
import { createGpgSigner, createSshSigner, gpgMissing, type Signer } from "../../harness/gpg.ts";
import { failOnLeakedChildren } from "../../harness/leaks.ts";
import { waitFor } from "../../harness/wait.ts";
import { never, openSources } from "./rig.ts";

failOnLeakedChildren();
const skip = gpgMissing() ?? false;

async function commit(repository: TestRepository, signer: Signer | undefined, message = "Change"): Promise<string> {
  const args = ["commit", "--quiet", "--allow-empty", "-m", message];
  await repository.git(...(signer === undefined ? args : [...signer.options, ...args, "-S"]));
  return repository.git("rev-parse", "HEAD");
}

interface Asked {
  readonly revision?: string;
  readonly mode?: "head" | "strict";
  readonly keyring?: readonly string[];
}

/** A repository and sources over it; each question is asked of what is in the repository by then. */
async function openSigned() {
  const stack = new AsyncDisposableStack();
  const repository = stack.use(await createTestRepository());
  let keys: readonly string[] = [];
  const rig = stack.use(await openSources({ keyring: () => keys }));
  const problems = async (
    trusted: readonly string[],
    { revision = "main", mode = "head", keyring = [] }: Asked = {},
  ) => {
    keys = keyring;
    await rig.sources.fetch(repository.url, {}, never);
    const { commit: at } = await rig.sources.resolve(repository.url, revision, never);
    return await rig.sources.verify(repository.url, { commit: at, revision }, { mode, keys: trusted }, never);
  };
  return { repository, problems, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test("GPG: the commit must be signed by a key that is allowed and known", { skip }, async () => {
  await using ada = await createGpgSigner("ada");
  await using eve = await createGpgSigner("eve");
  await using signed = await openSigned();
  const { repository, problems } = signed;
  await commit(repository, eve);
  const keyring = [ada.publicKey, eve.publicKey];
  const shown = (result: string, key = "") =>
    new RegExp(`^GIT/GPG: Failed verifying revision [0-9a-f]{40} by 'Ada <ada@example.com>': ${result}${key}$`);
  const only = async (expected: RegExp, keys: readonly string[], asked: Asked): Promise<void> => {
    const found = await problems(keys, asked);
    assert.equal(found.length, 1);
    assert.match(found[0] ?? "", expected);
  };
  await only(shown("signed with a key that is not allowed", ` \\(key_id=${eve.key}\\)`), [ada.key], { keyring });
  const head = await commit(repository, ada);
  for (const key of [ada.key, ada.key.slice(-16), ada.key.toLowerCase(), `0x${ada.key.slice(-16)}`]) {
    assert.deepEqual(await problems([eve.key, key], { keyring }), [], key);
  }
  // A short id can be made at will.
  await only(shown("signed with a key that is not allowed", " \\(.*\\)"), [ada.key.slice(-8)], { keyring });
  const unknown = "signed with a key that is not in argocd-gpg-keys-cm";
  await only(shown(unknown, ` \\(key_id=${ada.key.slice(-16)}\\)`), [ada.key], { keyring: [eve.publicKey] });
  await only(shown(unknown, " \\(.*\\)"), [ada.key], { keyring: ["no key"] });
  // The signature of another commit.
  const other = (await repository.git("cat-file", "commit", head)).replace("Change", "Changed");
  const forged = await git(repository.path, ["hash-object", "-t", "commit", "-w", "--stdin"], `${other}\n`);
  await repository.git("update-ref", "refs/heads/forged", forged);
  await only(shown("bad signature", " \\(.*\\)"), [ada.key], { keyring, revision: "forged" });
  await commit(repository, undefined);
  await only(shown("unsigned"), [ada.key], { keyring });
});

test("GPG: keys that expired or were revoked do not count", { skip }, async () => {
  await using ada = await createGpgSigner("ada", "seconds=1");
  await using repository = await createTestRepository();
  await commit(repository, ada);
  // What was found once is kept: each look has sources of its own.
  const found = async (): Promise<string> => {
    await using rig = await openSources({ keyring: () => [ada.publicKey] });
    const { commit: at } = await rig.sources.resolve(repository.url, "main", never);
    const wanted = { mode: "head", keys: [ada.key] } as const;
    return (await rig.sources.verify(repository.url, { commit: at, revision: "main" }, wanted, never)).join();
  };
  await waitFor("the key to expire", async () => /: signed with an expired key \(/.test(await found()));
});

test("ssh: the commit must be signed by a key that is allowed", { skip }, async () => {
  await using ada = await createSshSigner();
  await using eve = await createSshSigner();
  await using signed = await openSigned();
  const { repository, problems } = signed;
  await commit(repository, ada);
  assert.deepEqual(await problems([ada.key]), []);
  assert.match((await problems([eve.key])).join(), /signed with a key that is not allowed/);
});

test("an annotated tag is looked at in place of its commit", { skip }, async () => {
  await using ada = await createSshSigner();
  await using signed = await openSigned();
  const { repository, problems } = signed;
  await commit(repository, undefined);
  await repository.git(...ada.options, "tag", "-s", "-m", "Release", "v1.0.0");
  await repository.git("tag", "-a", "-m", "Unsigned", "v1.1.0");
  await repository.git("tag", "v1.2.0");
  for (const revision of ["v1.0.0", "1.0.x", "refs/tags/v1.0.0"]) {
    assert.deepEqual(await problems([ada.key], { revision }), [], revision);
  }
  for (const revision of ["v1.1.0", "v1.2.0", "main"]) {
    assert.match((await problems([ada.key], { revision })).join(), /unsigned/, revision);
  }
});

test("strict: every commit counts, back to one that seals its history", { skip }, async () => {
  await using ada = await createSshSigner();
  await using signed = await openSigned();
  const { repository, problems } = signed;
  const strict = (): Promise<readonly string[]> => problems([ada.key], { mode: "strict" });
  const first = await commit(repository, undefined);
  const second = await commit(repository, undefined);
  await commit(repository, ada);
  const found = (await strict()).map((text) => /revision ([0-9a-f]{40})/.exec(text)?.[1]);
  assert.deepEqual(found, [second, first]);
  // Only a seal that is signed counts.
  await commit(repository, undefined, "Seal\n\nArgocd-gpg-seal: looked at");
  await commit(repository, ada);
  assert.equal((await strict()).length, 3);
  await commit(repository, ada, "Seal\n\nArgocd-gpg-seal: looked at");
  assert.deepEqual(await strict(), []);
  await commit(repository, ada);
  assert.deepEqual(await strict(), []);
  for (let count = 0; count < 12; count++) await commit(repository, undefined);
  assert.equal((await strict()).length, 10);
});
