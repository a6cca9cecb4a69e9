import type { SensorTest, SensorTestCase } from "../../api/sensor-test.ts";
import { EngineError } from "../../base/errors.ts";
import type { CompiledSensor } from "../sensor/compile.ts";
import { type CaseProblem, nameProblems, problemsOf } from "./expectation.ts";
import { eventsOf, type ReadBeside } from "./given-events.ts";
import { type CaseOutcome, createCaseRunner } from "./run-case.ts";

export interface CaseResult {
  readonly case: SensorTestCase;
  /** None: it passed. */
  readonly problems: readonly CaseProblem[];
  /** Absent when it could not run. */
  readonly outcome?: CaseOutcome;
}

/** Runs every case of a test. @throws TerminalError for a Sensor that could not run */
export async function runSensorTest(
  test: SensorTest,
  compiled: CompiledSensor,
  read: ReadBeside,
): Promise<readonly CaseResult[]> {
  const runner = createCaseRunner(compiled, test);
  const { namespace } = compiled.head;
  const results: CaseResult[] = [];
  for (const one of test.cases) {
    try {
      const outcome = await runner.run(one, eventsOf(test, one, { namespace, read }));
      results.push({ case: one, problems: [...nameProblems(one, compiled), ...problemsOf(one, outcome)], outcome });
    } catch (error) {
      // Of what it was given: a file that is not there, an event that is none.
      if (!(error instanceof EngineError)) throw error;
      results.push({ case: one, problems: [{ path: "given", message: error.message }] });
    }
  }
  return results;
}
