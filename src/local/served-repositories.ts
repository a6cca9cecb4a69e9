import type { Dirent } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, TerminalError } from "../base/errors.ts";
import { type DataDir, readOrMakeSecret } from "./data-dir.ts";
import { repositoryPattern } from "./git-request.ts";
import { type GitServer, type GitServerOptions, openGitServer } from "./git-server.ts";
import { readSeedFiles } from "./seed-files.ts";

export interface ServedRepositoriesOptions
  extends Pick<GitServerOptions, "host" | "port" | "tool" | "onPush" | "clock" | "log"> {
  /** Holds `repos/` and `git-password`. */
  readonly dataDir: Pick<DataDir, "file">;
  /** What `tiphys up` was given; a directory's folders `repositories/<name>/` become served repositories. */
  readonly manifests?: string;
}

/** The repositories of this machine, for those who have no Git server. Disposal ends serving. */
export interface ServedRepositories extends AsyncDisposable {
  readonly server: GitServer;
  /** The names of all that are served, those of earlier starts too; sorted. */
  readonly repositories: readonly string[];
  urlOf(repository: string): string;
  /** With the password. */
  pushUrlOf(repository: string): string;
  /**
   * The bare repository's folder when the URL is one of this server's, by any name of loopback and with or without
   * credentials: reading there spares HTTP. Says nothing about whether there is such a repository.
   */
  localPathOf(url: string): string | undefined;
  /** What HEAD names: `refs/heads/main`. Undefined when it names no branch, or there is no such repository. */
  headRefOf(repository: string): Promise<string | undefined>;
}

/**
 * A folder seeds its repository once: what is there already is left as it is, and the folder may go.
 * @throws TerminalError PORT_IN_USE, CONFIG_INVALID (a name, a path or a size), MANIFEST_UNREADABLE
 */
export async function openServedRepositories(options: ServedRepositoriesOptions): Promise<ServedRepositories> {
  const { dataDir, manifests, ...rest } = options;
  const directory = dataDir.file("repos");
  const password = readOrMakeSecret(dataDir.file("git-password"));
  await using opened = new AsyncDisposableStack();
  const server = opened.use(await openGitServer({ ...rest, directory, password }));
  if (manifests !== undefined) await seedAll(join(manifests, "repositories"), directory, server, options);
  const repositories = await listServed(directory);
  const stack = opened.move();
  return {
    server,
    repositories,
    urlOf: server.urlOf,
    pushUrlOf: server.pushUrlOf,
    localPathOf: (url) => localPathOf(url, directory, server),
    headRefOf: (repository) => readHeadRef(directory, repository),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function listServed(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && entry.name.endsWith(".git"))
    .map(({ name }) => name.slice(0, -".git".length))
    .filter((name) => repositoryPattern.test(name))
    .sort();
}

async function seedAll(
  folder: string,
  directory: string,
  server: GitServer,
  { log }: Pick<ServedRepositoriesOptions, "log">,
): Promise<void> {
  const served = new Set(await listServed(directory));
  const entries = (await listSeeds(folder)).filter(({ name }) => !name.startsWith("."));
  const unused = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  // They are not read as manifests either.
  if (unused.length > 0) log.warn("only folders of repositories/ are used", { folder, unused: shown(unused) });
  for (const { name } of entries.filter((entry) => entry.isDirectory() && !served.has(entry.name))) {
    const { files, leftOut } = await readSeedFiles(join(folder, name));
    await server.createServedRepository(name, files);
    log.info("repository made", { repository: name, files: Object.keys(files).length });
    if (leftOut.length > 0) log.warn("hidden files and links were left out", { repository: name, ...counted(leftOut) });
  }
}

/** None where there is no such folder, and where the manifests are one file. */
async function listSeeds(folder: string): Promise<readonly Dirent[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw new TerminalError("MANIFEST_UNREADABLE", `"${folder}" cannot be read: ${messageOf(error)}`, error);
  }
}

function counted(names: readonly string[]): { readonly count: number; readonly names: readonly string[] } {
  return { count: names.length, names: shown(names) };
}

function shown(names: readonly string[]): readonly string[] {
  return names.slice(0, 10);
}

function localPathOf(text: string, directory: string, server: GitServer): string | undefined {
  const url = URL.parse(text);
  if (url?.protocol !== "http:" || url.search !== "" || Number(url.port || 80) !== server.port) return undefined;
  const own = new URL(server.urlOf("x")).hostname;
  if (![own, "127.0.0.1", "localhost"].includes(url.hostname)) return undefined;
  const name = /^\/([^/]+)\.git\/?$/.exec(url.pathname)?.[1] ?? "";
  return repositoryPattern.test(name) ? join(directory, `${name}.git`) : undefined;
}

async function readHeadRef(directory: string, repository: string): Promise<string | undefined> {
  if (!repositoryPattern.test(repository)) return undefined;
  const text = await readFile(join(directory, `${repository}.git`, "HEAD"), "utf8").catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "";
      throw error;
    },
  );
  return /^ref: (refs\/heads\/\S+)\s*$/.exec(text)?.[1];
}
