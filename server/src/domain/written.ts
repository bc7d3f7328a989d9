/** A value that is written as JSON in a way of its own, for example from parts that are kept. */
export abstract class Written<T> {
  /** Equal to `JSON.stringify(this.value())`. */
  abstract json(): string;
  abstract value(): T;
}
