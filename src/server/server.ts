import { createServer as create } from "node:http";
export async function createServer(o: { port: number; host: string; ready: () => string | undefined; metrics: { text(): Promise<string> } }) {
  const server = create(async (req, res) => { if (req.url === "/metrics") { res.end(await o.metrics.text()); } else { const why = o.ready(); res.statusCode = why === undefined ? 200 : 503; res.end(why ?? "ok"); } });
  await new Promise<void>((r) => server.listen(o.port, o.host, () => r()));
  const a = server.address() as { port: number };
  return { url: `http://${o.host}:${a.port}`, [Symbol.asyncDispose]: async () => { server.close(); server.closeAllConnections(); } };
}
