import autocannon from "autocannon";

export interface Load {
  readonly url: string;
  readonly amount: number;
  readonly connections: number;
}

/** Posts `amount` small JSON bodies; fails unless every one was answered 200. Gives the milliseconds it took. */
export async function postMany({ url, amount, connections }: Load): Promise<number> {
  const started = performance.now();
  const result = await autocannon({
    url,
    amount,
    connections,
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"ref":"refs/heads/main","commit":"0123456789abcdef0123456789abcdef01234567"}',
  });
  if (result["2xx"] !== amount) {
    throw new Error(
      `${result["2xx"]} of ${amount} were answered 2xx; ${result.errors} errors, ${result.non2xx} others`,
    );
  }
  return performance.now() - started;
}
