import type { GitSources, SourceTree } from "./source.ts";

/** A commit of a repository as a tree of files. Nothing is fetched until it is read. */
export function gitTree(sources: GitSources, repository: string, commit: string): SourceTree {
  return {
    revision: commit,
    treeId: (path, signal) => sources.treeId(repository, commit, path, signal),
    listFiles: (path, signal) => sources.listFiles(repository, commit, path, signal),
    read: (path, signal) => sources.read(repository, commit, path, signal),
    readFiles: (entries, maxBytes, signal) => sources.readFiles(repository, entries, maxBytes, signal),
    checkout: (path, signal) => sources.checkout(repository, commit, path, signal),
  };
}
