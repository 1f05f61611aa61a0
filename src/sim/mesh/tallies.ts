/** The counters that one source of traffic runs, kept in step with what it wants to run. */
import type { Sample } from './metrics.ts';
import { labelKey, type SeriesStore, type Tally } from './series.ts';

export class Tallies {
  readonly #series: SeriesStore;
  readonly #entries = new Map<string, { tally: Tally; reporter: string }>();

  constructor(series: SeriesStore) {
    this.#series = series;
  }

  /** Counts these amounts at once. */
  add(at: number, samples: readonly Sample[]): void {
    for (const sample of samples) this.#tally(at, sample).add(at, sample.amount);
  }

  /** From `at` on these run, each by its amount a second (equal ones add up), and no others. */
  run(at: number, samples: readonly Sample[], isThere: (pod: string) => boolean): void {
    const rates = new Map<string, Sample>();
    for (const sample of samples) {
      const key = keyOf(sample);
      const known = rates.get(key);
      rates.set(key, known === undefined ? sample : { ...known, amount: known.amount + sample.amount });
    }
    for (const [key, { tally }] of this.#entries) if (!rates.has(key)) tally.setRate(at, 0);
    for (const sample of rates.values()) this.#tally(at, sample).setRate(at, sample.amount);
    this.endGone(at, isThere);
  }

  /** A proxy that is gone reports nothing any more. */
  endGone(at: number, isThere: (pod: string) => boolean): void {
    for (const [key, { tally, reporter }] of this.#entries) {
      if (isThere(reporter)) continue;
      tally.end(at);
      this.#entries.delete(key);
    }
  }

  #tally(at: number, sample: Sample): Tally {
    const key = keyOf(sample);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { tally: this.#series.tally(sample.metric, sample.labels, at), reporter: sample.reporter };
      this.#entries.set(key, entry);
    }
    return entry.tally;
  }
}

function keyOf({ metric, labels }: Sample): string {
  return metric + labelKey(labels);
}
