/** How many code points a text has, at least and at most. */
export type TextBounds = { min: number; max: number };
