/** Failures of the component engine. */

/** The file is not a component this engine can run. One phrase for people. */
export class ComponentError extends Error {
  /** Always `ComponentError`. */
  override readonly name = "ComponentError";
}

/** The guest broke a rule of the canonical ABI: its instance must not be used again. */
export class Trap extends Error {
  /** Always `Trap`. */
  override readonly name = "Trap";
}

/** Thrown by a host function whose WIT result is `err`: `payload` becomes the error value. Anything else thrown is a trap. */
export class WitError extends Error {
  /** Always `WitError`. */
  override readonly name = "WitError";
  /** The `err` payload. */
  readonly payload: unknown;
  /** `payload` in the shape of the WIT error type. */
  constructor(payload: unknown) {
    super("err");
    this.payload = payload;
  }
}
