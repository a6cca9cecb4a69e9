import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ChildResult, runChild } from "../../base/child.ts";
import type { Clock } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import { createSlots } from "../../base/slots.ts";
import type { SignedObject } from "./signed-object.ts";

/** Whether somebody trusted signed. `key` is the one that did, as far as it is known. */
export interface SignatureVerdict {
  readonly isGood: boolean;
  /** For people: `signed with a key that is not allowed`. */
  readonly result: string;
  readonly key: string;
}

export interface Signatures {
  /**
   * `keys`: ids of GPG keys (16 or 40 hexadecimal digits) or fingerprints of SSH keys that are trusted.
   * @throws TerminalError TOOL_MISSING; EngineError TOOL_FAILED, TOOL_TIMEOUT
   */
  verify(signed: SignedObject | undefined, keys: readonly string[], signal: AbortSignal): Promise<SignatureVerdict>;
}

export interface SignaturesOptions {
  /** For key rings and signatures that are just looked at. */
  readonly directory: string;
  /** What programs see: PATH. */
  readonly env: Readonly<Record<string, string>>;
  /** Public keys, as armoured text. */
  readonly keyring: () => readonly string[];
  readonly clock: Clock;
}

const maxKept = 10_000;
const maxPrograms = 2;

/** Signatures by the real `gpg` and `ssh-keygen`. What was found is kept: objects never change. */
export function createSignatures(options: SignaturesOptions): Signatures {
  return new Verifier(options);
}

class Verifier implements Signatures {
  readonly #options: SignaturesOptions;
  readonly #places = createSlots(maxPrograms);
  readonly #kept = new Map<string, Found>();
  #ring: { readonly text: string; readonly path: Promise<string> } | undefined;

  constructor(options: SignaturesOptions) {
    this.#options = options;
  }

  async verify(signed: SignedObject | undefined, keys: readonly string[], signal: AbortSignal) {
    if (signed === undefined) return { isGood: false, result: "unsigned", key: "" };
    const found = await this.#find(signed, signal);
    if (found.result !== "good") return { isGood: false, result: found.result, key: found.keys[0] ?? "" };
    const trusted = keys.some((id) => found.keys.some((key) => isKey(key, id)));
    const result = trusted ? "good" : "signed with a key that is not allowed";
    return { isGood: trusted, result, key: found.keys[0] ?? "" };
  }

  async #find(signed: SignedObject, signal: AbortSignal): Promise<Found> {
    if (signed.format === "other") return { result: "signed in a way that is not supported (X.509)", keys: [] };
    const ring = signed.format === "gpg" ? this.#options.keyring().join("\n") : "";
    const hash = createHash("sha256").update(`${ring}\0${signed.signature}\0`).update(signed.payload).digest("hex");
    const known = this.#kept.get(hash);
    if (known !== undefined) return known;
    using _place = await this.#places.take(signal);
    const found = await this.#withSignature(signed, (path) =>
      signed.format === "gpg" ? this.#gpg(path, signed, ring, signal) : this.#ssh(path, signed, signal),
    );
    if (this.#kept.size >= maxKept) this.#kept.clear();
    this.#kept.set(hash, found);
    return found;
  }

  async #withSignature(signed: SignedObject, work: (path: string) => Promise<Found>): Promise<Found> {
    await mkdir(this.#options.directory, { recursive: true, mode: 0o700 });
    const folder = await mkdtemp(join(this.#options.directory, "signature-"));
    try {
      const path = join(folder, "signature");
      await writeFile(path, signed.signature, "latin1");
      return await work(path);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async #gpg(path: string, { payload }: SignedObject, ring: string, signal: AbortSignal): Promise<Found> {
    const home = await this.#ringOf(ring);
    const args = ["--trust-model", "always", "--status-fd", "1", "--verify", path, "-"];
    const { stdout } = await this.#run("gpg", [...gpgOptions(home), ...args], payload, signal);
    return gpgVerdict(stdout.toString("utf8"));
  }

  async #ssh(path: string, { payload }: SignedObject, signal: AbortSignal): Promise<Found> {
    const args = ["-Y", "check-novalidate", "-n", "git", "-s", path];
    const { code, stdout } = await this.#run("ssh-keygen", args, payload, signal);
    const key = /^Good "git" signature with \S+ key (SHA256:\S+)/m.exec(stdout.toString("utf8"))?.[1];
    return code === 0 && key !== undefined ? { result: "good", keys: [key] } : { result: "bad signature", keys: [] };
  }

  /** A key ring of exactly these keys; the former one is removed. */
  #ringOf(text: string): Promise<string> {
    if (this.#ring?.text === text) return this.#ring.path;
    const former = this.#ring?.path;
    const path = this.#makeRing(text);
    this.#ring = { text, path };
    path.catch(() => {
      this.#ring = undefined;
    });
    void former?.then((folder) => rm(folder, { recursive: true, force: true })).catch(() => undefined);
    return path;
  }

  async #makeRing(text: string): Promise<string> {
    const home = await mkdtemp(join(this.#options.directory, "keyring-"));
    if (text.trim() === "") return home;
    // Not the caller's signal: others wait for the same ring. Keys that are none are left out; what they signed is not known.
    await this.#run("gpg", [...gpgOptions(home), "--import"], Buffer.from(text), AbortSignal.timeout(60_000));
    return home;
  }

  async #run(command: string, args: readonly string[], input: Buffer, signal: AbortSignal): Promise<ChildResult> {
    const { env, clock, directory } = this.#options;
    const seen = { PATH: env.PATH ?? "", HOME: "/nonexistent", LC_ALL: "C" };
    const limits = { timeoutMs: 60_000, maxOutputBytes: 1024 * 1024 };
    return runChild({ command, args, cwd: directory, env: seen, input, ...limits, label: command }, clock, signal);
  }
}

interface Found {
  /** "good", or what is wrong. */
  readonly result: string;
  /** Names of the key that signed: its own and its primary's fingerprints, or its id. */
  readonly keys: readonly string[];
}

function gpgOptions(home: string): readonly string[] {
  return [
    "--homedir",
    home,
    "--no-options",
    "--batch",
    "--no-tty",
    "--no-autostart",
    "--quiet",
    "--no-auto-key-retrieve",
  ];
}

const gpgProblems = [
  ["REVKEYSIG", "signed with a revoked key"],
  ["EXPKEYSIG", "signed with an expired key"],
  ["EXPSIG", "the signature has expired"],
  ["BADSIG", "bad signature"],
  ["NO_PUBKEY", "signed with a key that is not in argocd-gpg-keys-cm"],
  ["ERRSIG", "the signature cannot be checked"],
] as const;

/** From the lines that gpg writes for programs: `[GNUPG:] GOODSIG <id> <name>`. */
function gpgVerdict(status: string): Found {
  const lines = [...status.matchAll(/^\[GNUPG:\] (\S+) ?(.*)$/gm)].map(([, word = "", rest = ""]) => ({
    word,
    rest: rest.split(" "),
  }));
  const find = (word: string): readonly string[] | undefined => lines.find((line) => line.word === word)?.rest;
  for (const [word, result] of gpgProblems) {
    const rest = find(word);
    if (rest !== undefined) return { result, keys: rest.slice(0, 1) };
  }
  const valid = find("VALIDSIG");
  // One signature and no other: several could be of several people.
  const isSingle = lines.filter(({ word }) => word === "NEWSIG").length === 1;
  if (find("GOODSIG") === undefined || valid === undefined || !isSingle) return { result: "bad signature", keys: [] };
  const keys = [valid[0] ?? "", valid.at(-1) ?? ""];
  if (keys.some((key) => !/^[0-9A-F]{40,64}$/.test(key))) {
    throw new EngineError("TOOL_FAILED", "gpg named no key for a good signature");
  }
  return { result: "good", keys };
}

/** GPG ids are the end of a fingerprint; 16 digits at least, since shorter ones can be made at will. */
function isKey(key: string, id: string): boolean {
  const wanted = id.trim();
  if (wanted.startsWith("SHA256:")) return key === wanted;
  const hex = wanted.replace(/^0x/i, "").replaceAll(" ", "").toUpperCase();
  return /^[0-9A-F]{16,64}$/.test(hex) && key.endsWith(hex);
}
