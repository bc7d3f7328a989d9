/** A response that writes its own JSON, for example from cached parts, instead of through `JSON.stringify`. */
export abstract class Written<T> {
  /** Equal to `JSON.stringify(this.value())`. */
  abstract json(): string;
  abstract value(): T;
}
