/** What reads a body. TypeScript does not let a class replace it otherwise. */
type Reads = "body" | "text" | "json" | "arrayBuffer" | "bytes" | "blob" | "clone";
const PlainRequest: new (url: string, init: RequestInit) => Omit<Request, Reads> = Request;
const PlainResponse: new (body: null, init: ResponseInit) => Omit<Response, Reads> = Response;

/**
 * A request whose body is at hand as text: who reads it as that waits for no stream. Only for a handler in this process;
 * `fetch` and `new Request` would send it without its body.
 */
export class TextRequest extends PlainRequest {
  readonly #text: string;

  constructor(url: string, text: string, init: Omit<RequestInit, "body">) {
    super(url, init);
    this.#text = text;
  }

  get body(): Response["body"] {
    return new Response(this.#text).body;
  }

  async text(): Promise<string> {
    return this.#text;
  }

  json(): Promise<unknown> {
    return new Response(this.#text).json();
  }

  arrayBuffer(): ReturnType<Response["arrayBuffer"]> {
    return new Response(this.#text).arrayBuffer();
  }

  bytes(): ReturnType<Response["bytes"]> {
    return new Response(this.#text).bytes();
  }

  blob(): ReturnType<Response["blob"]> {
    return new Response(this.#text).blob();
  }

  clone(): TextRequest {
    const { method, headers, signal } = this;
    return new TextRequest(this.url, this.#text, { method, headers, signal });
  }
}

/** The same for an answer; it may be read more than once. */
export class TextResponse extends PlainResponse {
  readonly #text: string;

  constructor(text: string, init: ResponseInit) {
    super(null, init);
    this.#text = text;
  }

  get body(): Response["body"] {
    return new Response(this.#text).body;
  }

  async text(): Promise<string> {
    return this.#text;
  }

  json(): Promise<unknown> {
    return new Response(this.#text).json();
  }

  arrayBuffer(): ReturnType<Response["arrayBuffer"]> {
    return new Response(this.#text).arrayBuffer();
  }

  bytes(): ReturnType<Response["bytes"]> {
    return new Response(this.#text).bytes();
  }

  blob(): ReturnType<Response["blob"]> {
    return new Response(this.#text).blob();
  }

  clone(): TextResponse {
    const { status, headers } = this;
    return new TextResponse(this.#text, { status, headers });
  }
}
