/**
 * libp2p's peer store sorts addresses and protocols by `localeCompare`, whose first call in a process loads the rules of
 * all languages: 15 ms of a start, a twentieth of it. What it sorts nobody reads; the order has to be one and the same.
 */

const byLanguage = String.prototype.localeCompare;

/** From now on, strings are compared by their code units where no language is named. Must run before a node is made. */
export function plainOrder(): void {
  String.prototype.localeCompare = function (this: string, that: string, ...how: [string?, object?]): number {
    if (how.length > 0) return byLanguage.call(this, that, ...how);
    const self = String(this);
    return self < that ? -1 : self > that ? 1 : 0;
  };
}
