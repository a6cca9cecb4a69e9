export interface GitRequest {
  readonly repository: string;
  readonly service: "git-upload-pack" | "git-receive-pack";
  /** The first request of both: which refs there are. */
  readonly isAdvertisement: boolean;
  readonly isPush: boolean;
  readonly method: "GET" | "POST";
}

/** What a repository may be called: one part of a path, nothing that leads elsewhere. */
export const repositoryPattern = /^[a-z0-9](?:[a-z0-9_-]|\.(?!\.|git$)){0,62}$/;

/** Smart HTTP has three requests per service; undefined for everything else. */
export function parseGitRequest(method: string, url: string): GitRequest | undefined {
  const [path = "", query = ""] = url.split("?");
  const match = /^\/([^/]+)\.git\/(info\/refs|git-upload-pack|git-receive-pack)$/.exec(path);
  const [, repository = "", action = ""] = match ?? [];
  if (!repositoryPattern.test(repository)) return undefined;
  const isAdvertisement = action === "info/refs";
  const service = isAdvertisement ? new URLSearchParams(query).get("service") : action;
  if (service !== "git-upload-pack" && service !== "git-receive-pack") return undefined;
  if (method !== (isAdvertisement ? "GET" : "POST")) return undefined;
  return { repository, service, isAdvertisement, isPush: service === "git-receive-pack", method };
}
