import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { TerminalError } from "../../../src/base/errors.ts";
import { parseTar, unpackGzip } from "../../../src/gitops/source/tar.ts";
import { type TarEntry, tar } from "../../harness/tar.ts";
import { tempDir } from "../../harness/temp-dir.ts";

const limits = { maxFiles: 100, maxBytes: 1024 * 1024 };

for (const format of ["ustar", "gnu", "pax"]) {
  test(`reads what tar writes as ${format}`, async () => {
    await using folder = await tempDir();
    const long = `${"deep/".repeat(18)}${"n".repeat(format === "ustar" ? 40 : 150)}`;
    await mkdir(join(folder.path, "in", "deep/".repeat(18)), { recursive: true });
    await writeFile(join(folder.path, "in", long), "long");
    await writeFile(join(folder.path, "in/run.sh"), "run", { mode: 0o755 });
    await writeFile(join(folder.path, "in/ä.txt"), "");
    await symlink("run.sh", join(folder.path, "in/link"));
    const args = ["-c", `--format=${format}`, "-z", "-f", "-", "-C", join(folder.path, "in"), "."];
    const files = parseTar(await unpackGzip(execFileSync("tar", args), limits), limits);
    const seen = [...files.values()].map(({ path, kind, content }) => `${kind} ${path} ${content}`).sort();
    assert.deepEqual(seen, [`executable run.sh run`, `file ${long} long`, "file ä.txt ", "symlink link run.sh"].sort());
  });
}

const file = (name: string, content = "x"): TarEntry => ({ name, content });
const link = (name: string, target: string): TarEntry => ({ name, target, type: "2" });

for (const [name, entries, message] of [
  ["a path that goes up", [file("a/../../x")], /leads out of it/],
  ["a path that only goes up within", [file("a/../x")], /leads out of it/],
  ["an absolute path", [file("/etc/x")], /absolute path "\/etc\/x"/],
  ["a name with a line feed", [file("a\nb")], /is no text/],
  ["a link out", [link("a/l", "../../x")], /link "a\/l" that leads out/],
  ["an absolute link", [link("l", "/etc/passwd")], /leads out/],
  ["a link out through a link", [link("a/up", ".."), link("b", "a/up/../x")], /leads out/],
  ["a file below a link", [link("d", "e"), file("d/x")], /"d\/x" below the file or link "d"/],
  ["a file below a link that comes later", [file("d/x"), link("d", "e")], /below the file or link/],
  ["a file below a file", [file("d"), file("d/x")], /below the file or link/],
  ["a hard link", [{ name: "h", type: "1", target: "x" }], /neither file nor link/],
  ["a device", [{ name: "d", type: "3" }], /neither file nor link/],
  ["a pipe", [{ name: "p", type: "6" }], /neither file nor link/],
  ["a size beyond the end", [{ name: "a", size: 10_000 }], /cut off/],
  ["too many files", Array.from({ length: 101 }, (_, n) => file(`f${n}`)), /more than the 100 files/],
  ["too many bytes", [file("a", "x".repeat(700_000)), file("b", "x".repeat(700_000))], /larger than the 1048576 bytes/],
  [
    "headers without end",
    Array.from({ length: 17 }, () => ({ name: "x", type: "x", content: "6 a=b\n".repeat(170_000) })),
    /too much in its headers/,
  ],
  [
    "a link that is longer than any system follows",
    [
      { name: "K", type: "K", content: "a/".repeat(100_000) },
      { name: "l", type: "2" },
    ],
    /link "l" that leads out/,
  ],
  ["too deep", [{ name: "L", type: "L", content: `${"d/".repeat(120)}f` }, file("x")], /over 100 deep/],
] as const satisfies readonly (readonly [string, readonly TarEntry[], RegExp])[]) {
  test(`refuses ${name}`, () => {
    assert.throws(() => parseTar(tar(entries), limits), { name: "TerminalError", message });
  });
}

test("refuses what is no tar, is damaged, or is a bomb", async () => {
  const good = tar([file("a", "x".repeat(2000))]);
  assert.throws(() => parseTar(Buffer.from("x".repeat(1024)), limits), /no tar file/);
  assert.throws(() => parseTar(good.subarray(0, 1024), limits), /cut off/);
  const zipped = gzipSync(good);
  await assert.rejects(unpackGzip(zipped.subarray(0, zipped.length - 20), limits), { code: "ARCHIVE_REFUSED" });
  await assert.rejects(unpackGzip(gzipSync(Buffer.alloc(2 * 1024 * 1024)), limits), { code: "GIT_TOO_LARGE" });
});

test("never throws anything but a refusal, whatever the bytes", () => {
  const good = tar([file("a"), link("l", "a"), file("b/c", "y".repeat(600))]);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 20 }), (changes) => {
      const bytes = Buffer.from(good);
      for (const [at, value] of changes) bytes[at] = value;
      try {
        for (const path of parseTar(bytes, limits).keys()) assert.doesNotMatch(path, /^\/|(?:^|\/)\.\.?(?:\/|$)/);
      } catch (error) {
        if (!(error instanceof TerminalError)) throw error;
      }
    }),
  );
});
