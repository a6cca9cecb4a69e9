import assert from "node:assert/strict";
import { test } from "node:test";
import { polledRepositories, type RepositoryUser } from "../../../src/controllers/applications/polled-repositories.ts";
import { normaliseRepositoryUrl } from "../../../src/gitops/source/repository-url.ts";

const shop = "https://git.example/acme/shop";
const user = (key: string, ...urls: string[]): RepositoryUser => ({
  key,
  repositories: urls.map((url) => ({ url, project: "default" })),
});

const rows: [name: string, users: RepositoryUser[], ours: string[], polled: string[]][] = [
  ["of one user, ours", [user("a/web", shop)], ["a/web"], [shop]],
  ["of one user, another's", [user("a/web", shop)], [], []],
  ["whose first user is ours, in whichever order", [user("a/z", shop), user("a/b", shop)], ["a/b"], [shop, shop]],
  ["whose first user is another's", [user("a/z", shop), user("a/b", shop)], ["a/z"], []],
  ["in two spellings", [user("a/z", `${shop}.git`), user("a/b", shop)], ["a/b"], [`${shop}.git`, shop]],
  ["two of one user", [user("a/b", shop, `${shop}2`)], ["a/b"], [shop, `${shop}2`]],
  ["none", [user("a/b")], ["a/b"], []],
];
for (const [name, users, ours, polled] of rows) {
  test(`polled: ${name}`, () => {
    const found = polledRepositories(users, (key) => ours.includes(key), normaliseRepositoryUrl);
    assert.deepEqual(
      found.map(({ url }) => url),
      polled,
    );
  });
}

test("whichever way Applications are shared, each repository is polled by one engine", () => {
  const users = Array.from({ length: 40 }, (_, n) => user(`a/${n}`, `${shop}${n % 7}`, `${shop}${(n * 3) % 5}.git`));
  for (let engines = 1; engines <= 5; engines++) {
    const polledBy = Array.from({ length: engines }, (_, engine) => {
      const found = polledRepositories(
        users,
        (key) => Number(key.slice(2)) % engines === engine,
        normaliseRepositoryUrl,
      );
      return new Set(found.map(({ url }) => normaliseRepositoryUrl(url)));
    });
    const all = polledBy.flatMap((places) => [...places]);
    assert.equal(new Set(all).size, all.length, `${engines} engines`);
    assert.equal(all.length, 7);
  }
});
