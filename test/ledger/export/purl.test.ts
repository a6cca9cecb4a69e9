import assert from "node:assert/strict";
import { test } from "node:test";
import { imagePurl, sourcePurl } from "../../../src/ledger/export/purl.ts";

const digest = "sha256:244fd47e07d1004f0aed9c";

for (const [image, purl] of [
  ["nginx", "pkg:oci/nginx?repository_url=docker.io/library/nginx"],
  ["nginx:1.27", "pkg:oci/nginx?repository_url=docker.io/library/nginx&tag=1.27"],
  ["acme/web:2", "pkg:oci/web?repository_url=docker.io/acme/web&tag=2"],
  ["localhost:5000/web", "pkg:oci/web?repository_url=localhost:5000/web"],
  [`ghcr.io/acme/web:2@${digest}`, "pkg:oci/web@sha256%3A244fd47e07d1004f0aed9c?repository_url=ghcr.io/acme/web&tag=2"],
  [`ghcr.io/acme/web@${digest}`, "pkg:oci/web@sha256%3A244fd47e07d1004f0aed9c?repository_url=ghcr.io/acme/web"],
] as const) {
  test(`the package URL of image ${image}`, () => assert.equal(imagePurl(image), purl));
}

for (const [what, source, purl] of [
  [
    "a commit",
    { repoURL: "https://git.example/a b.git", path: "web" },
    "pkg:generic/web@1a2b?vcs_url=git%2Bhttps://git.example/a%20b.git%401a2b",
  ],
  [
    "a chart of a registry",
    { repoURL: "ghcr.io/acme", chart: "charts/web" },
    "pkg:helm/web@1a2b?repository_url=ghcr.io/acme",
  ],
] as const) {
  test(`the package URL of ${what}`, () => assert.equal(sourcePurl("web", "1a2b", source), purl));
}
