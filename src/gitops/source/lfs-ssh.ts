import { EngineError, TerminalError } from "../../base/errors.ts";
import { isJsonObject, type JsonValue } from "../../base/json.ts";
import type { GitCommand } from "./git-command.ts";
import { remoteError } from "./git-errors.ts";
import { type LfsEndpoint, textsIn } from "./lfs.ts";
import { type RepositoryUrl, sshHost } from "./repository-url.ts";
import type { Credentials, RepositoryAccess } from "./source.ts";

export interface SshAccess {
  readonly repository: RepositoryUrl;
  readonly rights: RepositoryAccess;
  readonly basic: Credentials | undefined;
}

/** What the server says of where its large files are: `git-lfs-authenticate <path> download`. */
export async function sshLfsEndpoint(
  { repository, rights, basic }: SshAccess,
  git: GitCommand,
  signal: AbortSignal,
): Promise<LfsEndpoint> {
  const path = sshHost(repository).path.replace(/^\//, "");
  // It goes through a shell of the server.
  if (!/^[\w~.][\w./~+-]*$/.test(path)) {
    throw new TerminalError(
      "GIT_REFUSED",
      `repository "${repository.url}": LFS needs a path of letters, digits, . _ ~ + and -`,
    );
  }
  const call = { repository, access: rights, basic, timeoutMs: 30_000 };
  const result = await git.ssh(call, `git-lfs-authenticate ${path} download`, signal);
  if (result.code !== 0) throw remoteError("ask for LFS files of", repository.url, result);
  const value = jsonOf(result.stdout);
  const { href, header } = isJsonObject(value) ? value : {};
  const url = typeof href === "string" ? URL.parse(href) : null;
  if (url !== null && /^https?:$/.test(url.protocol))
    return { url: url.href.replace(/\/+$/, ""), headers: textsIn(header) };
  throw new EngineError("GIT_FAILED", `the server of "${repository.url}" does not say where its LFS files are`);
}

function jsonOf(text: Buffer): JsonValue {
  try {
    return JSON.parse(text.toString("utf8"));
  } catch {
    return null; // told of by whoever reads it
  }
}
