import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sourceSchemas } from "../src/events/sources/registry.ts";
import { triggerSchemas } from "../src/events/triggers/registry.ts";
import { crdFiles, eventCrds, gitOpsCrds } from "../src/validate/crds.ts";

// Writes the files that are made from the schemas; with --check it only says which of them differ (exit code 1).

const folder = join(import.meta.dirname, "..", "crds");
const isCheck = process.argv.includes("--check");
const events = eventCrds({ sources: sourceSchemas(), triggers: triggerSchemas() });
const files = crdFiles([...events, ...gitOpsCrds()]);

if (!isCheck) await mkdir(folder, { recursive: true });
for (const [name, text] of files) {
  const path = join(folder, name);
  const current = await readFile(path, "utf8").catch(() => undefined);
  if (current === text) continue;
  if (isCheck) {
    console.error(`crds/${name} differs from the schemas; run npm run generate`);
    process.exitCode = 1;
  } else {
    await writeFile(path, text);
    console.log(`wrote crds/${name}`);
  }
}
