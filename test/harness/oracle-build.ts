import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

// CI builds it while packages are installed: this imports none.

const root = fileURLToPath(new URL("../..", import.meta.url));
const sources = join(root, "test/oracle");
const folder = join(root, ".tools/bin");

/** Of its sources as they are, so that what is built is never asked for what it does not know. */
export function oraclePath(): string {
  const hash = createHash("sha256");
  for (const file of readdirSync(sources).sort()) hash.update(`${file}\n`).update(readFileSync(join(sources, file)));
  return join(folder, `oracle-${hash.digest("hex").slice(0, 16)}`);
}

/** Once for each state of its sources; renamed into place, so that two test processes may build at once. */
export function buildOracle(): void {
  const path = oraclePath();
  if (existsSync(path)) return;
  const half = `${path}.${process.pid}`;
  mkdirSync(folder, { recursive: true });
  execFileSync("go", ["build", "-trimpath", "-o", half, "."], {
    cwd: sources,
    env: { ...process.env, CGO_ENABLED: "0", PATH: `${process.env.PATH}:/usr/local/go/bin` },
    stdio: ["ignore", "ignore", "pipe"],
    timeout: 600_000,
  });
  renameSync(half, path);
}
