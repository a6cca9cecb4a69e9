/** What one step of a check found out. */
export interface Finding {
  readonly step: Step;
  /** failed: the engine could not work with this bus. skipped: an earlier step failed, or there is nothing to look at. */
  readonly outcome: "ok" | "warning" | "failed" | "skipped";
  readonly message: string;
  /** What to do; for warnings and failures. */
  readonly remedy?: string;
}

/** In the order in which a connection needs them. */
export const steps = ["DNS", "TCP", "TLS", "auth", "JetStream", "streams", "round trip"] as const;
/** `engine` and `data`: of the buses of an engine, and of its file. */
export type Step = (typeof steps)[number] | "engine" | "data";

export function ok(step: Step, message: string): Finding {
  return { step, outcome: "ok", message };
}

export function warning(step: Step, message: string, remedy: string): Finding {
  return { step, outcome: "warning", message, remedy };
}

export function failed(step: Step, message: string, remedy: string): Finding {
  return { step, outcome: "failed", message, remedy };
}

export function hasFailed(findings: readonly Finding[]): boolean {
  return findings.some(({ outcome }) => outcome === "failed");
}

/** The steps that were not reached, so that every answer names all. */
export function withSkipped(findings: readonly Finding[]): readonly Finding[] {
  return steps.flatMap((step) => {
    const found = findings.filter((finding) => finding.step === step);
    return found.length > 0 ? found : [{ step, outcome: "skipped", message: "an earlier step failed" } as const];
  });
}
