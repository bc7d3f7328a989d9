/** Returns true if a value is certainly valid. A value for which it returns false may still be valid. */
export type Certain = (value: unknown) => boolean;
