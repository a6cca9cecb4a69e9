import assert from "node:assert/strict";
import { test } from "node:test";
import { placeOf } from "../../../src/controllers/webhooks/repository-place.ts";

const same: readonly (readonly [web: string, others: readonly string[]])[] = [
  [
    "https://github.com/Acme/shop",
    [
      "https://github.com/acme/shop.git",
      "http://github.com/acme/shop/",
      "https://user:pass@github.com/acme/shop",
      "git@github.com:acme/shop.git",
      "ssh://git@github.com/acme/shop",
      "ssh://git@ssh.github.com:443/acme/shop.git",
      "HTTPS://GITHUB.COM/ACME/SHOP",
    ],
  ],
  [
    "https://gitlab.example/acme/shop",
    [
      "ssh://git@gitlab.example:2222/acme/shop.git",
      "git@altssh.gitlab.example:acme/shop",
      "https://gitlab.example:8443/acme/shop.git/",
      "git@gitlab.example:/acme/shop.git",
      "ssh://GIT@GitLab.Example/Acme/Shop.git",
      "https://oauth2:token@gitlab.example/acme/shop.git",
    ],
  ],
  [
    "https://acme@dev.azure.com/acme/My%20Shop/_git/shop",
    ["https://dev.azure.com/acme/my shop/_git/shop", "git@ssh.dev.azure.com:v3/acme/My%20Shop/shop"],
  ],
];

for (const [web, others] of same) {
  for (const other of others) test(`${other} is ${web}`, () => assert.equal(placeOf(other), placeOf(web)));
}

const different: readonly (readonly [string, string])[] = [
  ["https://github.com/acme/shop", "https://github.com/acme/shop2"],
  ["https://github.com/acme/shop", "https://github.com.evil.example/acme/shop"],
  ["https://github.com/acme/shop", "https://evil.example/github.com/acme/shop"],
  ["https://github.com/acme/shop", "https://github.com/acme"],
  ["https://github.com/acme/shop", "https://github.com/acme-fork/shop"],
  ["https://github.com/acme/shop", "git@github.com:someone/shop.git"],
  ["https://github.com/acme/shop", "https://github.com/acme/shop/wiki"],
  ["https://github.com/acme/shop", "https://github.com/acme/shop.git.evil"],
  ["https://github.com/acme/shop", "git@github.com.evil.example:acme/shop"],
  ["https://github.com/acme/shop", "https://github.com:acme@evil.example/acme/shop"],
  ["https://github.com/acme/shop", "https://github.com/acme/../evil/shop"],
];

for (const [web, other] of different)
  test(`${other} is not ${web}`, () => assert.notEqual(placeOf(other), placeOf(web)));

for (const text of ["", "shop", "file:///repos/shop", "/repos/shop", "https://github.com/", "https://%"]) {
  test(`"${text}" is on no host`, () => assert.equal(placeOf(text), undefined));
}
