import assert from "node:assert/strict";
import { test } from "node:test";
import {
  normaliseRepositoryUrl,
  parseRepositoryUrl,
  shownRepositoryUrl,
} from "../../../src/gitops/source/repository-url.ts";

for (const [same, spellings] of [
  [
    "https://github.com/Org/repo",
    [
      "https://github.com/Org/repo",
      "https://GitHub.com/Org/repo.git",
      "https://github.com:443/Org/repo/",
      "https://user:pa%40ss@github.com/Org/repo.git/",
      " https://github.com/Org/repo#main ",
    ],
  ],
  [
    "ssh://github.com/org/repo",
    ["git@github.com:org/repo.git", "ssh://git@github.com/org/repo", "github.com:/org/repo"],
  ],
  ["http://host:8080/a", ["http://HOST:8080/a.git"]],
  ["file:///srv/a", ["/srv/a", "/srv/a/", "file:///srv/a.git"]],
  ["not a url", ["not a url"]],
] as const) {
  test(`${same} is one repository however it is spelled`, () => {
    for (const text of spellings) assert.equal(normaliseRepositoryUrl(text), same, text);
  });
}

test("different repositories stay different", () => {
  const texts = [
    "https://a/x",
    "http://a/x",
    "https://a:8443/x",
    "https://a/X",
    "https://a/x/y",
    "https://b/x",
    "https://a/x.github",
  ];
  assert.equal(new Set(texts.map(normaliseRepositoryUrl)).size, texts.length);
});

for (const [text, why] of [
  ["ext::sh -c touch% /tmp/x", /is no URL/],
  ["ext::sh", /is no URL/],
  ["http::https://host/x", /is no URL/],
  ["--upload-pack=touch", /is no URL/],
  ["https://host/a b", /is no URL/],
  ["https://host/a\nb", /is no URL/],
  ["", /is no URL/],
  ["relative/path", /is no URL/],
  ["git://host/x", /protocol "git"/],
  ["ftp://host/x", /protocol "ftp"/],
  ["fd::17", /is no URL/],
  ["file://host/x", /names a host/],
  ["ssh://-oProxyCommand=x/a", /is no URL|a host that ssh is not given/],
  ["ssh://-oProxyCommand@host/a", /a user that ssh is not given/],
  ["-oProxyCommand=x@host:a", /is no URL/],
  ["ssh://host", /names no path/],
  ["ssh://a%24(x)@host/a", /a user that ssh is not given/],
] as const) {
  test(`${JSON.stringify(text)} is refused with a reason`, () =>
    assert.throws(() => parseRepositoryUrl(text), { name: "TerminalError", code: "GIT_REFUSED", message: why }));
}

test("credentials are taken out of a URL, and never shown", () => {
  const parsed = parseRepositoryUrl("https://me:p%40ss%25@host/x.git");
  assert.deepEqual(parsed.credentials, { username: "me", password: "p@ss%" });
  assert.equal(parsed.url, "https://host/x.git");
  assert.doesNotMatch(shownRepositoryUrl("ssh://me:secret@host/x"), /secret/);
  assert.throws(
    () => parseRepositoryUrl("git://me:secret@host/x"),
    (error: Error) => !error.message.includes("secret"),
  );
});

test("ssh is told of an address as it is written; user and home make another mirror", () => {
  const texts = [
    "git@h.example:a/b.git",
    "git@h.example:/a/b.git",
    "me@h.example:/a/b.git",
    "ssh://git@h.example:22/a/b.git",
  ];
  const parsed = texts.map(parseRepositoryUrl);
  assert.deepEqual(
    parsed.map(({ url }) => url),
    [...texts.slice(0, 3), "ssh://git@h.example:22/a/b.git"],
  );
  assert.equal(new Set(parsed.slice(0, 3).map(({ key }) => key)).size, 1);
  assert.equal(new Set(parsed.slice(0, 3).map(({ mirrorKey }) => mirrorKey)).size, 3);
  for (const { transport } of parsed) assert.equal(transport, "ssh");
});
