/** A response that writes its own JSON, for example from cached parts, instead of through `JSON.stringify`. */
export abstract class Written<T> {
  /** Equal to `JSON.stringify(this.value())`. */
  abstract json(): string;
  abstract value(): T;
}

/** JSON that was written elsewhere, for example by the database. It is parsed only if its value is needed. */
export class JsonText<T> extends Written<T> {
  readonly #text: string;

  constructor(text: string) {
    super();
    this.#text = text;
  }

  json(): string {
    return this.#text;
  }

  value(): T {
    return JSON.parse(this.#text) as T;
  }
}
