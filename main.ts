/** Composition root of the `realm` executable. */
export {};
