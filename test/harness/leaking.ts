import { spawn } from "node:child_process";
import { once } from "node:events";
import { createConnection, createServer } from "node:net";
import { after, test } from "node:test";
import { failOnLeaks } from "./leaks.ts";

// Run by test/architecture/leaks.test.ts, and by no suite: its one test leaves what a test must not leave.

const left = new AsyncDisposableStack();
after(() => void setTimeout(() => left.disposeAsync(), 500).unref()); // or the process would not end
failOnLeaks({ withinMs: 50 });

test("leaves a timer, a connection and a child process", async () => {
  const timer = setInterval(() => undefined, 1_000);
  left.defer(() => clearInterval(timer));
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  left.defer(() => void server.close());
  const address = server.address();
  const socket = createConnection(typeof address === "object" && address ? address.port : 0, "127.0.0.1");
  await once(socket, "connect");
  left.defer(() => void socket.destroy());
  const child = spawn(process.execPath, ["-e", "process.stdin.resume()"], { stdio: ["pipe", "ignore", "ignore"] });
  left.defer(() => void child.kill());
});
