/** Counts of what happened to each rollout, for as long as it is there. */

/** Series of one rollout. Names of probes come from its spec, and an author may edit it for ever. */
const MOST = 256;

export class Tally {
  /** By rollout, then by the values of the labels; the oldest first. */
  readonly #counts = new Map<string, Map<string, { values: string[]; count: number }>>();

  add(namespace: string, name: string, values: string[], times = 1): void {
    const key = `${namespace}/${name}`;
    const ofRollout = this.#counts.get(key) ?? new Map<string, { values: string[]; count: number }>();
    this.#counts.set(key, ofRollout);
    const series = values.join('\n');
    const known = ofRollout.get(series) ?? { values: [namespace, name, ...values], count: 0 };
    known.count += times;
    ofRollout.set(series, known);
    for (const oldest of ofRollout.keys()) {
      if (ofRollout.size <= MOST) break;
      ofRollout.delete(oldest);
    }
  }

  /** Values of all labels, namespace and name first, with their count. */
  *all(): Iterable<[values: string[], count: number]> {
    for (const ofRollout of this.#counts.values())
      for (const { values, count } of ofRollout.values()) yield [values, count];
  }

  forget(namespace: string, name: string): void {
    this.#counts.delete(`${namespace}/${name}`);
  }
}
