import { dirname } from "node:path";
import { messageOf } from "../../base/errors.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import type { ObjectScript } from "../../gitops/health/script.ts";
import type { TrialProblem } from "../../gitops/health/trial/problem.ts";
import type { ScriptFolders } from "../../gitops/health/trial/scripts.ts";
import {
  type ActionTest,
  type DiscoveryTest,
  type HealthTest,
  parseActionTests,
  parseDiscoveryTests,
  parseExpectedOutput,
  parseHealthTests,
} from "../../gitops/health/trial/test-file.ts";
import { tryAction, tryDiscovery, tryHealth } from "../../gitops/health/trial/trial.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { ReportedCase } from "../sensor/test-report.ts";
import type { ScriptTree } from "./script-folder.ts";

/** Every test of a tree, in the order of its files. */
export async function runScriptTests(tree: ScriptTree, nowMs: number): Promise<readonly ReportedCase[]> {
  const cases: ReportedCase[] = [];
  const run = async (file: string, name: string, test: () => Promise<readonly TrialProblem[]>): Promise<void> => {
    cases.push(reported(file, name, await test().catch(problemsOf)));
  };
  for (const file of tree.healthTests) {
    await eachOf(tree, file, parseHealthTests, run, async (test) => {
      await run(file, test.inputPath, () => healthProblems(tree, file, test, nowMs));
    });
  }
  for (const file of tree.actionTests) {
    await eachOf(tree, file, parseDiscoveryTests, run, async (test) => {
      await run(file, `discovery ${test.inputPath}`, () => discoveryProblems(tree, file, test, nowMs));
    });
    await eachOf(tree, file, parseActionTests, run, async (test) => {
      await run(file, `${test.action} ${test.inputPath}`, () => actionTestProblems(tree, file, test, nowMs));
    });
  }
  return cases;
}

type Run = (file: string, name: string, test: () => Promise<readonly TrialProblem[]>) => Promise<void>;

/** A file that cannot be read is a test that failed. */
async function eachOf<Test>(
  tree: ScriptTree,
  file: string,
  parse: (value: unknown) => readonly Test[],
  run: Run,
  action: (test: Test) => Promise<void>,
): Promise<void> {
  let tests: readonly Test[] = [];
  try {
    tests = parse(await tree.readYaml(file));
  } catch (error) {
    await run(file, "the file", () => Promise.reject(error));
  }
  for (const test of tests) await action(test);
}

async function healthProblems(tree: ScriptTree, file: string, { inputPath, expected }: HealthTest, nowMs: number) {
  const object = await objectAt(tree, dirname(file), inputPath);
  const folder = folderOf(tree.health, object, dirname(file));
  const lua = `${folder}/health.lua`;
  const script = await readScript(tree, lua);
  return inScript(lua, () => tryHealth(script, object as unknown as KubeObject, expected, nowMs));
}

async function discoveryProblems(tree: ScriptTree, file: string, { inputPath, result }: DiscoveryTest, nowMs: number) {
  const object = await objectAt(tree, dirname(file), inputPath);
  const folder = folderOf(tree.actions, object, dirname(dirname(file)));
  const lua = `${folder}/actions/discovery.lua`;
  const script = await readScript(tree, lua);
  if (script === undefined) return [{ message: `${nameOf(lua)} is not there` }];
  return inScript(lua, () => tryDiscovery(script, object, result, nowMs));
}

async function actionTestProblems(tree: ScriptTree, file: string, test: ActionTest, nowMs: number) {
  const { action, inputPath, expectedOutputPath, expectedErrorMessage, parameters } = test;
  const object = await objectAt(tree, dirname(file), inputPath);
  const folder = folderOf(tree.actions, object, dirname(dirname(file)));
  const lua = `${folder}/actions/${action}/action.lua`;
  const script = await readScript(tree, lua);
  if (script === undefined) return [{ message: `${nameOf(lua)} is not there` }];
  const output = expectedOutputPath === "" ? undefined : await tree.readYaml(joined(dirname(file), expectedOutputPath));
  const expected = {
    ...(output === undefined ? {} : { objects: parseExpectedOutput(output) }),
    ...(expectedErrorMessage === "" ? {} : { error: expectedErrorMessage }),
  };
  return inScript(lua, () => tryAction(script, object, parameters, expected, nowMs));
}

/** An error of a script says which one it was: the object's kind finds it, not the place of the test. */
function inScript(file: string, test: () => readonly TrialProblem[]): readonly TrialProblem[] {
  try {
    return test();
  } catch (error) {
    return [{ message: `${nameOf(file)}: ${messageOf(error)}` }];
  }
}

function nameOf(file: string): string {
  return file.replace(/^\.\//, "");
}

/** The folder of the object's own kind, else the one beside the test: the tree may be a part of a larger one. */
function folderOf(folders: ScriptFolders, { apiVersion, kind }: JsonObject, beside: string): string {
  return folders.find(String(apiVersion ?? ""), String(kind ?? "")) ?? beside;
}

/** With all libraries, as those that come with the original. */
async function readScript(tree: ScriptTree, file: string): Promise<ObjectScript | undefined> {
  const name = nameOf(file);
  return tree.has(name) ? { text: await tree.read(name), useOpenLibs: true } : undefined;
}

async function objectAt(tree: ScriptTree, folder: string, path: string): Promise<JsonObject> {
  if (path === "") throw new Error("the test has no inputPath");
  const value = await tree.readYaml(joined(folder, path));
  if (isJsonObject(value)) return { metadata: {}, ...value };
  throw new Error(`${path} holds no object`);
}

function joined(folder: string, path: string): string {
  return folder === "." ? path : `${folder}/${path}`;
}

function reported(file: string, name: string, problems: readonly TrialProblem[]): ReportedCase {
  const place = { line: 0, column: 0, path: "" };
  return { file, name, passed: problems.length === 0, problems: problems.map((problem) => ({ ...place, ...problem })) };
}

function problemsOf(error: unknown): readonly TrialProblem[] {
  return [{ message: messageOf(error) }];
}
