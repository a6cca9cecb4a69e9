import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { anonymousAccess } from "../../../src/gitops/source/source.ts";
import { createTestRepository, type TestRepository } from "../../harness/git-repository.ts";
import { failOnLeakedChildren } from "../../harness/leaks.ts";
import { never, openSources, type SourceRig } from "./rig.ts";

failOnLeakedChildren();

const tags = [
  "v1.0.0",
  "v1.2.0",
  "v1.10.0",
  "2.0.0",
  "v2.1.0-rc.1",
  "app-1.4.0",
  "app-v1.5.0",
  "other-9.0.0",
  "nightly",
];

describe("versions", () => {
  let repository: TestRepository;
  let rig: SourceRig;
  const commits = new Map<string, string>();

  before(async () => {
    repository = await createTestRepository();
    for (const tag of tags) {
      commits.set(tag, await repository.commit({ a: tag }));
      await repository.git("tag", ...(tag.startsWith("v") ? ["-a", "-m", "A tag"] : []), tag);
    }
    await repository.git("branch", "3.x");
    commits.set("3.x", await repository.git("rev-parse", "3.x"));
    rig = await openSources();
  });

  after(async () => {
    await rig[Symbol.asyncDispose]();
    await repository[Symbol.asyncDispose]();
  });

  for (const [wanted, prefix, expected] of [
    ["1.*", "", "v1.10.0"],
    ["~1.2", "", "v1.2.0"],
    [">=1.0.0 <1.10.0 || 1.2.x", "", "v1.2.0"],
    ["*", "", "2.0.0"],
    [">=2.1.0-0", "", "v2.1.0-rc.1"],
    ["v1.2.0", "", "v1.2.0"],
    ["1.*", "app-", "app-v1.5.0"],
    ["1.4.0", "app-", "app-1.4.0"],
    ["nightly", "app-", "nightly"],
    ["3.x", "", "3.x"],
  ] as const) {
    test(`${wanted} with the prefix "${prefix}" is ${expected}`, async () => {
      const { commit } = await rig.sources.resolve(repository.url, wanted, never, prefix);
      assert.equal(commit, commits.get(expected));
    });
  }

  for (const wanted of ["9.*", ">=1.0.0 <1.0.0", "1.0.1"]) {
    test(`nothing is ${wanted}`, async () => {
      const message = `unable to resolve '${wanted}' to a commit SHA`;
      await assert.rejects(rig.sources.resolve(repository.url, wanted, never), {
        code: "GIT_REVISION_NOT_FOUND",
        message,
      });
    });
  }
});

test("what one project reads with its credentials, another does not read from the mirror", async () => {
  await using repository = await createTestRepository();
  const commit = await repository.commit({ a: "1" });
  const access = (_repository: string, project: string) => ({
    ...anonymousAccess,
    scope: project === "own" ? "own" : "",
  });
  await using rig = await openSources({ access });
  const mine = rig.sources.ofProject("own");
  assert.equal(String(await mine.read(repository.url, commit, "a", never)), "1");
  await repository.git("checkout", "-q", "--orphan", "gone");
  await repository.commit({ a: "2" });
  await repository.git("branch", "-D", "main");
  await repository.git("reflog", "expire", "--expire=now", "--all");
  await repository.git("gc", "--prune=now", "-q");
  assert.equal(String(await mine.read(repository.url, commit, "a", never)), "1");
  await assert.rejects(rig.sources.ofProject("other").read(repository.url, commit, "a", never), {
    code: "GIT_REVISION_NOT_FOUND",
  });
});
