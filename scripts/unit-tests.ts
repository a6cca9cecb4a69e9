import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";

// Runs the unit tests: all files of a part in one process, since a process for each would take longer than the tests, and
// the parts at the same time, since each waits for servers and programs now and then. What a part prints comes when it is over.

const named = [["api", "base", "gitops", "validate"], ["controllers"], ["events"]];
const slow = ["chaos", "contract", "e2e"]; // these run engines and servers, each file in a process of its own
const rest = readdirSync("test").filter((folder) => ![...named.flat(), ...slow].includes(folder));
// Braces around a single name are a name with braces.
const parts = [...named, rest].map((folders) => (folders.length > 1 ? `{${folders.join(",")}}` : folders[0]));

async function run(folders: string | undefined): Promise<number> {
  const args = ["--test", "--test-isolation=none", "--test-timeout=300000", `test/${folders}/**/*.test.ts`];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const printed: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => printed.push(chunk));
  const [code] = (await once(child, "close")) as [number | null];
  const output = Buffer.concat(printed);
  process.stdout.write(output);
  if (/^ℹ tests 0$/m.test(output.toString())) throw new Error(`${folders}: no test was found`);
  return code ?? 1;
}

const codes = await Promise.all(parts.map(run));
process.exitCode = Math.max(...codes);
