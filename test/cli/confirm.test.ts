import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { confirmCluster } from "../../src/cli/confirm.ts";

interface Case {
  /** What is typed; undefined: the input ends. */
  readonly typed?: string;
  readonly isTTY?: boolean;
  readonly assumeYes?: boolean;
  readonly context?: string;
}

/** What was printed, and the code and message of the refusal. */
async function confirm({ typed, isTTY = true, assumeYes = false, context = "prod" }: Case) {
  const input = Object.assign(new PassThrough(), { isTTY });
  const output = new PassThrough();
  if (typed === undefined) input.end();
  else input.write(typed);
  const server = "https://kube.example:6443";
  const refusal = await confirmCluster({ context, server, assumeYes, input, output }).then(
    () => undefined,
    (error: { code: string; message: string }) => error,
  );
  output.end();
  return { refusal, printed: await text(output) };
}

const answers: readonly (readonly [string | undefined, boolean])[] = [
  ["y\n", true],
  ["Y\n", true],
  ["yes\n", true],
  [" yes \r\n", true],
  ["n\n", false],
  ["\n", false],
  ["yesterday\n", false],
  ["no\ny\n", false],
  [undefined, false],
];

for (const [typed, goesOn] of answers) {
  test(`the answer ${JSON.stringify(typed ?? "end of input")} ${goesOn ? "goes on" : "does nothing"}`, async () => {
    const { refusal, printed } = await confirm(typed === undefined ? {} : { typed });
    assert.match(printed, /^This works on a real cluster: context "prod" \(https:\/\/kube\.example:6443\)\n/);
    assert.equal(printed.split("Continue? [y/N] ").length, 2, "asked once");
    assert.equal(refusal?.code, goesOn ? undefined : "NOT_CONFIRMED");
  });
}

test("Ctrl-C at the terminal is no", async () => {
  const input = Object.assign(new PassThrough(), { isTTY: true });
  const output = Object.assign(new PassThrough(), { isTTY: true });
  input.write("\u0003");
  const asked = confirmCluster({ context: "prod", server: "https://x", assumeYes: false, input, output });
  await assert.rejects(asked, { code: "NOT_CONFIRMED" });
});

test("--yes says where it goes and does not ask, with a terminal or without", async () => {
  for (const isTTY of [true, false]) {
    const { refusal, printed } = await confirm({ isTTY, assumeYes: true });
    assert.equal(refusal, undefined);
    assert.equal(printed, 'This works on a real cluster: context "prod" (https://kube.example:6443)\n');
  }
});

test("without a terminal it is refused and names --yes, even if a y comes in", async () => {
  const { refusal, printed } = await confirm({ isTTY: false, typed: "y\n" });
  assert.equal(refusal?.code, "USAGE");
  assert.match(refusal?.message ?? "", /context "prod" \(https:\/\/kube\.example:6443\).*: give --yes$/);
  assert.equal(printed, "");
});

test("a context's name cannot steer the terminal", async () => {
  const { printed } = await confirm({ typed: "y\n", context: "\u001b[2Jprod\n" });
  assert.ok(printed.includes('context "\\u001b[2Jprod\\n"'), printed);
});
