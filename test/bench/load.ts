import autocannon from "autocannon";

export interface Load {
  readonly url: string;
  readonly amount: number;
  readonly connections: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What is posted. */
export const body = '{"ref":"refs/heads/main","commit":"0123456789abcdef0123456789abcdef01234567"}';

/** Posts `amount` small JSON bodies; fails unless every one was answered 200. Gives the time of the last answer. */
export function postMany({ url, amount, connections, headers = {} }: Load): Promise<number> {
  const options: autocannon.Options = {
    url,
    amount,
    connections,
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  };
  return new Promise((resolve, reject) => {
    let lastAt = performance.now();
    const load = autocannon(options, (error, result) => {
      if (error) return reject(error);
      if (result["2xx"] === amount) return resolve(lastAt);
      const { errors, non2xx } = result;
      reject(new Error(`${result["2xx"]} of ${amount} were answered 2xx; ${errors} errors, ${non2xx} others`));
    });
    // Its own report is in whole seconds, which is too coarse here.
    load.on("response", () => {
      lastAt = performance.now();
    });
  });
}
