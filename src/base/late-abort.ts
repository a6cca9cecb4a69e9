/**
 * As an AbortController, but its signal is made when somebody asks for it: of thousands that Sensors hold most are never
 * asked for theirs, and each takes a KiB.
 */
export class LateAbort {
  #controller: AbortController | undefined;
  #reason: { readonly value: unknown } | undefined;

  get aborted(): boolean {
    return this.#reason !== undefined;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason) this.#controller.abort(this.#reason.value);
    }
    return this.#controller.signal;
  }

  /** The first reason stays. */
  abort(reason: unknown): void {
    this.#reason ??= { value: reason };
    this.#controller?.abort(reason);
  }
}
