import { spawn } from "node:child_process";
import { once } from "node:events";
import { createConnection, createServer } from "node:net";
import { after, test } from "node:test";
import { failOnLeaks } from "./leaks.ts";

// Run by test/architecture/leaks.test.ts, and by no suite: its one test leaves what a test must not leave.

after(() => void setTimeout(() => process.exit(), 1_000).unref()); // what is left would hold the process
failOnLeaks({ withinMs: 50 });

test("leaves a timer, a connection and a child process", async () => {
  setInterval(() => undefined, 1_000);
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const socket = createConnection(typeof address === "object" && address ? address.port : 0, "127.0.0.1");
  await once(socket, "connect");
  // It ends with this one.
  spawn(process.execPath, ["-e", "process.stdin.resume()"], { stdio: ["pipe", "ignore", "ignore"] });
});
