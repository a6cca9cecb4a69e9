/** Where an artifact of a sync came from. */
export interface ArtifactSource {
  readonly repoURL: string;
  readonly path?: string;
  readonly chart?: string;
}

/**
 * A container image as package URL (https://github.com/package-url/purl-spec, type `oci`): the digest, where it has one, is the
 * version; the repository and the tag are qualifiers.
 */
export function imagePurl(image: string): string {
  const [named = "", digest] = image.split("@");
  const slash = named.lastIndexOf("/");
  const colon = named.indexOf(":", slash + 1);
  const repository = colon < 0 ? named : named.slice(0, colon);
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  const name = repository.slice(slash + 1).toLowerCase();
  const version = digest === undefined ? "" : `@${encodeURIComponent(digest)}`;
  return `pkg:oci/${encodeURIComponent(name)}${version}${qualifiers({ repository_url: registryOf(repository), tag })}`;
}

/** What was deployed, where no image is known: a chart, or a commit of a repository. */
export function sourcePurl(name: string, revision: string, { repoURL, chart }: ArtifactSource): string {
  if (chart !== undefined) {
    const own = chart.split("/").at(-1) ?? chart;
    return `pkg:helm/${encodeURIComponent(own)}@${encodeURIComponent(revision)}${qualifiers({ repository_url: repoURL })}`;
  }
  const vcs = `git+${repoURL}@${revision}`;
  return `pkg:generic/${encodeURIComponent(name)}@${encodeURIComponent(revision)}${qualifiers({ vcs_url: vcs })}`;
}

/** As `docker pull` understands it: `nginx` is `docker.io/library/nginx`. */
function registryOf(repository: string): string {
  const [first = "", ...rest] = repository.split("/");
  if (rest.length === 0) return `docker.io/library/${repository}`;
  return /[.:]|^localhost$/.test(first) ? repository : `docker.io/${repository}`;
}

/** In the order of their names; `/` and `:` are not encoded. */
function qualifiers(given: Readonly<Record<string, string | undefined>>): string {
  const parts = Object.entries(given).flatMap(([name, value]) => {
    if (value === undefined || value === "") return [];
    return [`${name}=${encodeURIComponent(value).replaceAll("%2F", "/").replaceAll("%3A", ":")}`];
  });
  return parts.length === 0 ? "" : `?${parts.toSorted().join("&")}`;
}
