import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../../src/base/clock.ts";
import { createTools, type Tool, type Tools, type ToolsOptions } from "../../../src/gitops/render/tools.ts";
import { tempDir } from "../../harness/temp-dir.ts";

const soon = (): AbortSignal => AbortSignal.timeout(20_000);

async function open(options: Partial<ToolsOptions> = {}) {
  const directory = await tempDir();
  const { path } = directory;
  const home = join(path, "home");
  await mkdir(join(home, "tmp"), { recursive: true });
  const tools = createTools({
    paths: new Map(),
    directory: join(path, "tools"),
    env: { PATH: `${join(path, "bin")}:/usr/bin:/bin` },
    clock: systemClock,
    ...options,
  });
  const folder = {
    root: path,
    source: path,
    home,
    refRoot: () => path,
    clean: (text: string) => text.replaceAll(`${path}/`, ""),
    [Symbol.asyncDispose]: async () => undefined,
  };
  return {
    path,
    tools,
    /** A program below the folder. */
    async program(name: string, script: string): Promise<string> {
      await mkdir(join(path, name, ".."), { recursive: true });
      await writeFile(join(path, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      return join(path, name);
    },
    run: (tool: Tool, args: readonly string[], of: Tools = tools, signal = soon()) =>
      of.run(tool, { args, cwd: path, folder, label: "helm template ." }, signal),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

test("a tool is what a flag names, else what the folder of tools has, else what is on PATH", async () => {
  await using rig = await open();
  await rig.program("bin/helm", "echo on-path");
  assert.equal((await rig.tools.find("helm", soon())).version, "on-path");
  await rig.program("tools/helm", "echo in-the-folder");
  assert.equal((await rig.tools.find("helm", soon())).version, "in-the-folder");
  const given = await rig.program("given", "echo given");
  await using other = await open({ paths: new Map([["helm", given]]) });
  assert.equal((await other.tools.find("helm", soon())).version, "given");
});

test("a version of a tool is a registered one", async () => {
  await using rig = await open();
  await rig.program("tools/kustomize-5.4.3", "echo v5.4.3");
  for (const version of ["5.4.3", "v5.4.3"]) {
    assert.equal((await rig.tools.find("kustomize", soon(), version)).version, "v5.4.3");
  }
  for (const version of ["4.5.7", "../helm", ""]) {
    await assert.rejects(rig.tools.find("kustomize", soon(), version), {
      code: "TOOL_MISSING",
      message: /is not registered/,
    });
  }
});

for (const [name, script] of [
  ["jsonnet", undefined],
  ["helm", "exit 3"],
] as const) {
  test(`a ${name} that ${script === undefined ? "is not there" : "does not work"} is missing, with how to install it`, async () => {
    await using rig = await open();
    if (script !== undefined) await rig.program("tools/helm", script);
    await assert.rejects(rig.tools.find(name, soon()), {
      code: "TOOL_MISSING",
      message: /is missing: .*install .* newer.*https:\/\/.*--tool \w+=PATH/,
    });
  });
}

test("a tool sees a home of its own, and of our environment what it is given", async () => {
  await using rig = await open();
  await rig.program("tools/helm", 'if [ "$1" = env ]; then env; else echo 1; fi');
  const output = await rig.run(await rig.tools.find("helm", soon()), ["env"]);
  const names = output
    .trim()
    .split("\n")
    .map((line) => line.split("=")[0]);
  const own = ["HOME", "LC_ALL", "PATH", "PWD", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"];
  assert.deepEqual(names.filter((one) => one !== "_" && one !== "SHLVL" && one !== "OLDPWD").sort(), own);
  assert.ok(output.includes(`HOME=${rig.path}/home\n`));
});

test("a refusal has the tool's own words, without our folders and the list of versions", async () => {
  await using rig = await open();
  await rig.program(
    "tools/helm",
    `if [ "$1" = x ]; then echo "Error: $PWD/app/x.yaml --api-versions a/v1 --api-versions b/v1 no" >&2; exit 1; fi; echo 1`,
  );
  await assert.rejects(rig.run(await rig.tools.find("helm", soon()), ["x"]), {
    code: "RENDER_FAILED",
    message: "`helm template .` failed exit status 1: Error: app/x.yaml no",
  });
});

for (const [name, script, options, code] of [
  ["that hangs is ended", "sleep 100", { timeoutMs: 300 }, "TOOL_TIMEOUT"],
  ["that writes without end is ended", "yes", { maxOutputBytes: 100_000 }, "TOOL_OUTPUT_TOO_LARGE"],
] as const) {
  test(`a tool ${name}`, async () => {
    await using rig = await open(options);
    await rig.program("tools/helm", `[ "$1" = version ] && echo 1 && exit; ${script}`);
    await assert.rejects(rig.run(await rig.tools.find("helm", soon()), []), { code });
  });
}

test("as many tools run at once as are allowed, and one that is left is ended", async () => {
  await using rig = await open({ atOnce: 1 });
  await rig.program("tools/helm", `[ "$1" = version ] && echo 1 && exit; [ "$1" = hang ] && sleep 100; echo done`);
  const tool = await rig.tools.find("helm", soon());
  const stop = new AbortController();
  const hanging = rig.run(tool, ["hang"], rig.tools, stop.signal);
  const waiting = rig.run(tool, []);
  stop.abort(new Error("left"));
  await assert.rejects(hanging, { message: "left" });
  assert.equal(await waiting, "done\n");
});
