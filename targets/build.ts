/** Builds the executables into `dist/`. */
export {};
