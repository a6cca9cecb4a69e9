import type { ApplicationSource } from "../../api/application-types.ts";
import { isSemverVersion } from "../source/semver-text.ts";

/** Where a source's files come from (spec argo-cd-engine 1.2). */
export type SourceKind = "git" | "chart" | "oci";

export function kindOfSource({ repoURL, chart }: Pick<ApplicationSource, "repoURL" | "chart">): SourceKind {
  if (chart) return "chart";
  return repoURL.trim().startsWith("oci://") ? "oci" : "git";
}

/** Whether what a chart or an artifact's name means may change without anybody telling. */
export function isMovingChart(source: ApplicationSource): boolean {
  const revision = source.targetRevision?.trim() ?? "";
  const kind = kindOfSource(source);
  if (kind === "chart") return !isSemverVersion(revision);
  return kind === "oci" && !revision.startsWith("sha256:");
}
