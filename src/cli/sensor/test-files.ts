import { realpathSync } from "node:fs";
import { dirname, extname, relative, resolve, sep } from "node:path";
import { manifestText, type PlacedManifest, placeManifests } from "../../api/manifest.ts";
import { isSensorTest, parseSensorTest, type SensorTest } from "../../api/sensor-test.ts";
import { ownApiVersion } from "../../api/sensor-test-schema.ts";
import { EngineError } from "../../base/errors.ts";
import { type JsonValue, parseJson } from "../../base/json.ts";
import { InvalidManifest } from "../../base/schema.ts";
import { whyUnreadable } from "../../base/unreadable.ts";
import { parseYaml } from "../../base/yaml.ts";
import { listManifestFiles } from "../../controllers/manifest-files.ts";
import type { CompiledSensor } from "../../events/sensor/compile.ts";
import type { ReadBeside } from "../../events/trial/given-events.ts";
import type { PlacedProblem } from "../../validate/validate.ts";
import { compileManifest, nameOf, PlacedError, placed, problemsOf, readBounded, readSensor } from "./sensor-file.ts";

export interface LoadedTest {
  readonly file: string;
  readonly manifest: PlacedManifest;
  readonly test: SensorTest;
  readonly compiled: CompiledSensor;
  readonly read: ReadBeside;
}

/** A test that cannot run, with why. */
export interface BrokenTest {
  readonly file: string;
  readonly name: string;
  readonly problems: readonly PlacedProblem[];
  /** Something could not be read, as against: it is not valid. */
  readonly isUnreadable: boolean;
}

export interface TestFiles {
  readonly tests: readonly (LoadedTest | BrokenTest)[];
  /** Every file that had a part in it. */
  readonly files: ReadonlySet<string>;
}

export function isBroken(test: LoadedTest | BrokenTest): test is BrokenTest {
  return "problems" in test;
}

/**
 * Every SensorTest in the files and folders named, with its Sensor compiled.
 * @throws EngineError MANIFEST_UNREADABLE for a name that is not there or holds none
 */
export async function loadTests(names: readonly string[]): Promise<TestFiles> {
  const loader = new Loader();
  for (const name of names) {
    const listed = [...(await listManifestFiles(name)).keys()];
    const before = loader.tests.length;
    for (const file of listed) loader.load(file);
    if (loader.tests.length === before) {
      const asked = JSON.stringify(name);
      throw new EngineError("MANIFEST_UNREADABLE", `${asked} holds no SensorTest (apiVersion: ${ownApiVersion})`);
    }
  }
  return loader;
}

class Loader implements TestFiles {
  readonly tests: (LoadedTest | BrokenTest)[] = [];
  readonly files = new Set<string>();
  readonly #loaded = new Set<string>();
  readonly #sensors = new Map<string, CompiledSensor>();
  readonly #beside = new Map<string, JsonValue>();

  load(file: string): void {
    if (this.#loaded.has(resolve(file))) return;
    this.#loaded.add(resolve(file));
    try {
      const text = manifestText(readBounded(file), file);
      if (!text.includes("SensorTest")) return;
      this.files.add(file);
      for (const manifest of placeManifests(text, file)) {
        if (manifest.object.kind === "SensorTest") this.tests.push(this.#loadOne(file, manifest));
      }
    } catch (error) {
      this.tests.push({ file, name: file, problems: problemsOf(error, file), isUnreadable: true });
    }
  }

  #loadOne(file: string, manifest: PlacedManifest): LoadedTest | BrokenTest {
    const { object } = manifest;
    try {
      if (!isSensorTest(object)) {
        const message = `${JSON.stringify(object.apiVersion ?? "")} must be "${ownApiVersion}"`;
        throw new InvalidManifest([{ severity: "error", path: "apiVersion", message }]);
      }
      const { resource: test } = parseSensorTest(object);
      const compiled = this.#sensorOf(test, file, manifest);
      return { file, manifest, test, compiled, read: (beside) => this.#readBeside(file, beside) };
    } catch (error) {
      const problems =
        error instanceof PlacedError ? error.problems.map(seenFrom(manifest)) : problemsOf(error, file, manifest);
      const isUnreadable = error instanceof EngineError && error.code === "MANIFEST_UNREADABLE";
      return { file, name: nameOf(object), problems, isUnreadable };
    }
  }

  #sensorOf({ sensor }: SensorTest, file: string, manifest: PlacedManifest): CompiledSensor {
    if (typeof sensor !== "string") {
      return compileManifest(sensor, (path) => {
        const whole = `sensor.${path}`;
        return { ...placed(manifest, whole), path: whole };
      });
    }
    const [path = "", name] = sensor.split("#");
    const target = resolve(dirname(file), path);
    const key = `${target}#${name ?? ""}`;
    const known = this.#sensors.get(key);
    if (known) return known;
    const shown = relative(process.cwd(), target) || target;
    this.files.add(shown);
    const { compiled } = readSensor(shown, name);
    this.#sensors.set(key, compiled);
    return compiled;
  }

  /** What stands outside of the test's folder is not read, by way of a link neither. */
  #readBeside(file: string, beside: string): JsonValue {
    const path = resolve(dirname(file), beside);
    const known = this.#beside.get(path);
    if (known !== undefined) return known;
    this.files.add(relative(process.cwd(), path));
    const value = contentOf(path, beside, realpathSync(dirname(file)));
    this.#beside.set(path, value);
    return value;
  }
}

function contentOf(path: string, name: string, folder: string): JsonValue {
  try {
    if (!realpathSync(path).startsWith(folder + sep)) throw new Error("it stands outside of the test's folder");
    const text = readBounded(path).toString("utf8");
    switch (extname(path)) {
      case ".json":
        return parseJson(text);
      case ".yaml":
      case ".yml":
        return (parseYaml(text)[0] ?? null) as JsonValue;
      default:
        return text;
    }
  } catch (error) {
    throw new EngineError(
      "MANIFEST_UNREADABLE",
      `${JSON.stringify(name)} cannot be read: ${whyUnreadable(error)}`,
      error,
    );
  }
}

/** A problem of the Sensor as one of the test that names it. */
function seenFrom(test: PlacedManifest) {
  return (problem: PlacedProblem): PlacedProblem => {
    if (problem.file === test.file) return problem;
    const place = problem.line > 0 ? `${problem.file}:${problem.line}:${problem.column}` : problem.file;
    const message = `${place}: ${problem.path === "" ? "" : `${problem.path}: `}${problem.message}`;
    return { ...problem, ...placed(test, "sensor"), path: "sensor", message };
  };
}
