import { spawn } from "node:child_process";
import { once } from "node:events";

// Runs the unit tests: all files of a half in one process, since a process for each would take longer than the tests, and
// the two halves at the same time. What a half prints comes when it is over.

const halves = [
  "{api,base,gitops,validate}",
  "{architecture,cli,controllers,events,kube,ledger,local,objects,record,server}",
];

async function run(folders: string): Promise<number> {
  const args = ["--test", "--test-isolation=none", "--test-timeout=300000", `test/${folders}/**/*.test.ts`];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const printed: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => printed.push(chunk));
  const [code] = (await once(child, "close")) as [number | null];
  process.stdout.write(Buffer.concat(printed));
  return code ?? 1;
}

const codes = await Promise.all(halves.map(run));
process.exitCode = Math.max(...codes);
