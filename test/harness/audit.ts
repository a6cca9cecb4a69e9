import { readFile } from "node:fs/promises";
import type { AuditEvent } from "../../src/local/audit.ts";

/** The entries of the file that `up --kube-audit-log FILE` writes, oldest first. */
export async function readAudit(path: string): Promise<readonly AuditEvent[]> {
  const text = await readFile(path, "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as AuditEvent);
}

/** What clients had stored: no dry runs, refusals, questions about rights, and nothing of simulated controllers. */
export function changesOf(events: readonly AuditEvent[]): readonly AuditEvent[] {
  return events.filter(
    ({ requestURI, responseStatus, objectRef, user }) =>
      !new URL(requestURI, "http://kube.local").searchParams.has("dryRun") &&
      responseStatus.code < 400 &&
      !/^auth(entication|orization)\.k8s\.io$/.test(objectRef?.apiGroup ?? "") &&
      user.username !== "system:kube-controller-manager",
  );
}

/** `patch configmaps default/web`. */
export function changeText({ verb, objectRef }: AuditEvent): string {
  const { resource = "", subresource, namespace, name } = objectRef ?? {};
  const what = subresource === undefined ? resource : `${resource}/${subresource}`;
  return `${verb} ${what} ${[namespace, name].filter((part) => part !== undefined).join("/")}`;
}
