import { join } from "node:path";
import { projectRoot, run } from "../harness/run.ts";

let built: Promise<string> | undefined;

/** The program as it is published, built once: a checkout beside it has every module's source in a file of its own. */
export function bundle(): Promise<string> {
  built ??= build();
  return built;
}

async function build(): Promise<string> {
  const { code, stderr } = await run(process.execPath, [join(projectRoot, "scripts", "build.ts")]);
  if (code !== 0) throw new Error(stderr);
  return join(projectRoot, "dist", "tiphys.js");
}
