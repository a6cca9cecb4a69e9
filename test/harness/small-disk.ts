import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { open, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { messageOf } from "../../src/base/errors.ts";
import { tempDir } from "./temp-dir.ts";
import { waitFor } from "./wait.ts";

/** A real file system of its own, small enough to be filled. */
export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
  /** Takes all the room that is left. */
  fill(): Promise<void>;
  /** Gives it back. */
  free(): Promise<void>;
}

const namespace = ["--user", "--map-root-user", "--mount"];
const pieceBytes = 64 * 1024;

/** Why there is none. Linux makes one without root, in a namespace of its own; where that is forbidden no tool is missing. */
export function smallDiskMissing(): string | undefined {
  try {
    execFileSync("unshare", [...namespace, "mount", "-t", "tmpfs", "tmpfs", "/tmp"], { stdio: "pipe" });
    return undefined;
  } catch (error) {
    return `no file system of its own: ${messageOf(error).slice(0, 200)}`;
  }
}

export async function openSmallDisk(bytes: number): Promise<SmallDisk> {
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(await tempDir());
  const mount = 'mount -t tmpfs -o "size=$1" tmpfs "$0" && echo mounted && exec cat';
  // It is there as long as this process; `cat` ends with its input, so with us at the latest.
  const child = spawn("unshare", [...namespace, "sh", "-c", mount, path, String(bytes)]);
  stack.defer(() => end(child));
  let failure = "";
  void text(child.stderr).then((said) => {
    failure = said;
  });
  let isMounted = false;
  child.stdout.on("data", () => {
    isMounted = true;
  });
  await waitFor("the disk to be mounted", () => {
    if (child.exitCode !== null) throw new Error(`the disk could not be mounted: ${failure}`);
    return isMounted;
  });
  const inside = join(`/proc/${child.pid}/root`, path);
  const ballast = join(inside, "ballast");
  const owned = stack.move();
  return {
    path: inside,
    fill: () => fillWith(ballast, inside),
    free: () => rm(ballast, { force: true }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function fillWith(ballast: string, disk: string): Promise<void> {
  await using file = await open(ballast, "a");
  const piece = Buffer.alloc(pieceBytes);
  const { blocks, bsize } = await statfs(disk);
  for (let written = 0; written <= blocks * bsize; ) {
    try {
      written += (await file.write(piece)).bytesWritten;
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOSPC") return;
      throw error;
    }
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
