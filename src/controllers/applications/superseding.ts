import type { Application } from "../../api/application-types.ts";
import { policiesOf } from "../../gitops/reconcile/policies.ts";
import type { Reconciled } from "../../gitops/reconcile/reconcile.ts";
import type { OperationRun } from "./application-operation.ts";

/** An automated sync that only waits gives way to a newer commit: for health, a window, an approval or its next attempt. */
export function supersede(
  run: OperationRun | undefined,
  application: Application,
  { found }: Pick<Reconciled, "found">,
): void {
  const isAutomated = application.operation?.initiatedBy.automated === true;
  const policies = policiesOf(application);
  if ("problem" in policies || policies.onRevision === "wait") return;
  const revisions = found?.look.revisions ?? [];
  if (run === undefined || !isAutomated || !run.isWaiting || run.revisions.length === 0) return;
  if (found?.look.status !== "OutOfSync" || revisions.join() === run.revisions.join()) return;
  run.terminate({ phase: "Failed", message: `superseded by ${revisions.join(", ")}` });
}
