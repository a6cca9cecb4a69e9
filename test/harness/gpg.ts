import { execFileSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tempDir } from "./temp-dir.ts";

/** Why tests that need gpg are skipped; in CI it has to be there. */
export function gpgMissing(): string | undefined {
  try {
    execFileSync("gpg", ["--version"], { stdio: "ignore" });
    return undefined;
  } catch (error) {
    if (process.env.CI === "true") throw error;
    return "gpg is not installed";
  }
}

/** Somebody who signs: a key of GPG or ssh, with what `git` needs to use it. */
export interface Signer extends AsyncDisposable {
  /** `-c` options for git. */
  readonly options: readonly string[];
  /** The fingerprint: 40 hexadecimal digits, or `SHA256:…`. */
  readonly key: string;
  /** Armoured; of ssh, the line of a `.pub` file. */
  readonly publicKey: string;
}

/** `expires`: as gpg writes it, e.g. `never`, `seconds=1`. */
export async function createGpgSigner(name: string, expires = "never"): Promise<Signer> {
  const folder = await tempDir();
  chmodSync(folder.path, 0o700);
  const home = ["--homedir", folder.path, "--batch", "--quiet"];
  const gpg = (...args: string[]): string =>
    execFileSync("gpg", [...home, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  gpg("--passphrase", "", "--quick-gen-key", `${name} <${name}@example.com>`, "ed25519", "sign", expires);
  const key = /^fpr:+([0-9A-F]{40}):/m.exec(gpg("--with-colons", "--list-keys"))?.[1] ?? "";
  const program = join(folder.path, "program");
  await writeFile(program, `#!/bin/sh\nexec gpg --homedir '${folder.path}' "$@"\n`, { mode: 0o755 });
  return {
    options: ["-c", `gpg.program=${program}`, "-c", `user.signingkey=${key}`],
    key,
    publicKey: gpg("--armor", "--export", key),
    async [Symbol.asyncDispose]() {
      execFileSync("gpgconf", ["--homedir", folder.path, "--kill", "all"], { stdio: "ignore" });
      await folder[Symbol.asyncDispose]();
    },
  };
}

export async function createSshSigner(): Promise<Signer> {
  const folder = await tempDir();
  const path = join(folder.path, "key");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path]);
  const listed = execFileSync("ssh-keygen", ["-l", "-f", `${path}.pub`], { encoding: "utf8" });
  return {
    options: ["-c", "gpg.format=ssh", "-c", `user.signingkey=${path}.pub`],
    key: /SHA256:\S+/.exec(listed)?.[0] ?? "",
    publicKey: await readFile(`${path}.pub`, "utf8"),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}
