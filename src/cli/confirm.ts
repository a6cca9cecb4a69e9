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

export interface ConfirmOptions {
  readonly what: string;
  readonly needs: string;
  readonly refused?: string;
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
  const what = `This works on a real cluster: ${where}`;
  if (assumeYes) output.write(`${what}\n`);
  else await confirm({ what, needs: `the real cluster of ${where}`, refused: `in ${where}`, input, output });
}

/**
 * Says `what` and asks; resolves only when the answer is yes. `needs`: what needs the confirmation, for where nobody can
 * give it. @throws EngineError NOT_CONFIRMED, USAGE without a terminal
 */
export async function confirm({ what, needs, refused, input, output }: ConfirmOptions): Promise<void> {
  if (!input.isTTY) {
    throw new EngineError("USAGE", `${needs} needs a confirmation and this is no terminal: give --yes`);
  }
  output.write(`${what}\n`);
  const answer = await ask(input, output);
  if (/^(?:y|yes)$/i.test(answer.trim())) return;
  throw new EngineError("NOT_CONFIRMED", `nothing was done${refused === undefined ? "" : ` ${refused}`}`);
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
