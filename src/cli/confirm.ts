import type { Readable, Writable } from "node:stream";
import { EngineError } from "../base/errors.ts";

export interface ConfirmClusterOptions {
  /** The name of the kubeconfig's context. */
  readonly context: string;
  /** The address of the API server. */
  readonly server: string;
  /** `--yes`: says where it goes, asks nothing. */
  readonly assumeYes: boolean;
  /** Standard input; without a terminal nobody can answer. */
  readonly input: Readable & { readonly isTTY?: boolean };
  readonly output: Writable;
}

/**
 * Says which cluster it is and asks once; resolves only when the answer is yes.
 * @throws EngineError NOT_CONFIRMED for any other answer, an end of the input and Ctrl-C; USAGE without a terminal
 */
export async function confirmCluster(options: ConfirmClusterOptions): Promise<void> {
  const { context, server, assumeYes, input, output } = options;
  // Quoted as JSON: a name out of a file must not steer the terminal.
  const where = `context ${JSON.stringify(context)} (${server})`;
  await confirm({
    subject: `the real cluster of ${where}`,
    statement: `This works on a real cluster: ${where}`,
    declined: `nothing was done in ${where}`,
    assumeYes,
    input,
    output,
  });
}

export interface ConfirmOptions extends Pick<ConfirmClusterOptions, "assumeYes" | "input" | "output"> {
  /** What needs the confirmation. */
  readonly subject: string;
  /** What will be done. */
  readonly statement: string;
  /** What the answer no means. */
  readonly declined: string;
}

/** Says what it is and asks once, as `confirmCluster`. */
export async function confirm(options: ConfirmOptions): Promise<void> {
  const { subject, statement, declined, assumeYes, input, output } = options;
  if (!assumeYes && !input.isTTY) {
    throw new EngineError("USAGE", `${subject} needs a confirmation and this is no terminal: give --yes`);
  }
  output.write(`${statement}\n`);
  if (assumeYes) return;
  const answer = await ask(input, output);
  if (!/^(?:y|yes)$/i.test(answer.trim())) throw new EngineError("NOT_CONFIRMED", declined);
}

/** Empty when the input ends, or at Ctrl-C. */
async function ask(input: Readable, output: Writable): Promise<string> {
  const { createInterface } = await import("node:readline");
  const lines = createInterface({ input, output });
  try {
    return await new Promise<string>((resolve) => {
      lines.once("close", () => resolve(""));
      lines.once("SIGINT", () => resolve(""));
      lines.question("Continue? [y/N] ", resolve);
    });
  } finally {
    lines.close();
  }
}
