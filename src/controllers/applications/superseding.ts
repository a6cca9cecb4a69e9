import type { Application } from "../../api/application-types.ts";
import { isForAPerson, policiesOf } from "../../gitops/reconcile/policies.ts";
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
  const revisions = found?.look.revisions ?? [];
  if ("problem" in policies || isForAPerson(policies, run?.revisions ?? [], revisions)) return;
  if (run === undefined || !isAutomated || !run.isWaiting || run.revisions.length === 0) return;
  if (found?.look.status !== "OutOfSync" || revisions.join() === run.revisions.join()) return;
  run.terminate({ phase: "Failed", message: `superseded by ${revisions.join(", ")}`, supersededBy: revisions });
}
