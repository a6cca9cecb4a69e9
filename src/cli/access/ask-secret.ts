import { EngineError } from "../../base/errors.ts";

/** Asks at the terminal; what is secret is not shown. @throws EngineError USAGE without a terminal */
export async function askFor(what: string, flag: string, isSecret: boolean): Promise<string> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) throw new EngineError("USAGE", `${what}: this is no terminal to ask at: give ${flag}`);
  const { createInterface } = await import("node:readline");
  const { Writable } = await import("node:stream");
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  stderr.write(`${what}: `);
  const lines = createInterface({ input: stdin, output: isSecret ? silent : stderr, terminal: true });
  try {
    return await new Promise<string>((resolve, reject) => {
      const stop = (): void => reject(new EngineError("NOT_CONFIRMED", "nothing was done"));
      lines.once("SIGINT", stop);
      lines.once("close", stop);
      lines.question("", resolve);
    });
  } finally {
    lines.close();
    if (isSecret) stderr.write("\n");
  }
}
