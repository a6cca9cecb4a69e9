/** Revisions, separated by commas, that automated sync does not bring back: a rollback went away from them. */
export const quarantineAnnotation = "tiphys.io/quarantine";

/** The newest of them count. */
const maxQuarantined = 20;

/** Why these revisions are not synced by themselves; undefined: none of them is in quarantine. */
export function quarantined(
  { metadata: { annotations } }: { readonly metadata: { readonly annotations: Readonly<Record<string, string>> } },
  revisions: readonly string[],
): string | undefined {
  const known = new Set(listed(annotations[quarantineAnnotation]));
  const found = revisions.find((revision) => known.has(revision));
  return found === undefined ? undefined : `a rollback went away from ${found}: the next revision is synced again`;
}

/** The annotation's text with further revisions in it. */
export function withQuarantined(text: string | undefined, revisions: readonly string[]): string {
  return [...new Set([...listed(text), ...revisions])].slice(-maxQuarantined).join(",");
}

function listed(text: string | undefined): readonly string[] {
  return (text ?? "").split(",").flatMap((one) => one.trim() || []);
}
