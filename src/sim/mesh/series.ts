/** The series of the simulated mesh: what a Prometheus that scrapes every proxy would hold. */
import { Counter } from './counter.ts';

export type Labels = Readonly<Record<string, string>>;

/**
 * One series. Several flows may count into the same one (two clients into a listener's connections): each has its own
 * part, because their pasts begin at different times.
 */
export interface StoredSeries {
  metric: string;
  labels: Labels;
  parts: { counter: Counter; endedAt: number | undefined }[];
}

/** A counter that somebody counts into. */
export interface Tally {
  setRate(at: number, perSecond: number): void;
  add(at: number, amount: number): void;
  /** Nothing counts here any more (the pod is gone). */
  end(at: number): void;
}

export class SeriesStore {
  readonly #metrics = new Map<string, Map<string, StoredSeries>>();
  readonly #retentionMs: number;

  constructor(retentionMs: number) {
    this.#retentionMs = retentionMs;
  }

  /** Begins a part of a series. */
  tally(metric: string, labels: Labels, born: number): Tally {
    const byLabels = this.#metrics.get(metric) ?? new Map<string, StoredSeries>();
    this.#metrics.set(metric, byLabels);
    const key = labelKey(labels);
    const series = byLabels.get(key) ?? { metric, labels, parts: [] };
    byLabels.set(key, series);
    const counter = new Counter(born);
    const part: StoredSeries['parts'][number] = { counter, endedAt: undefined };
    series.parts.push(part);
    return {
      setRate: (at, perSecond) => counter.setRate(at, perSecond),
      add: (at, amount) => counter.add(at, amount),
      end: at => {
        counter.setRate(at, 0);
        part.endedAt = at;
      },
    };
  }

  /** All series of a metric. */
  of(metric: string): Iterable<StoredSeries> {
    return this.#metrics.get(metric)?.values() ?? [];
  }

  /** Drops what is older than the retention: series that ended before it, and the shape of counters beyond it. */
  prune(now: number): void {
    const horizon = now - this.#retentionMs;
    for (const [metric, byLabels] of this.#metrics) {
      for (const [key, series] of byLabels) {
        series.parts = series.parts.filter(part => part.endedAt === undefined || part.endedAt >= horizon);
        for (const part of series.parts) part.counter.forgetBefore(horizon);
        if (series.parts.length === 0) byLabels.delete(key);
      }
      if (byLabels.size === 0) this.#metrics.delete(metric);
    }
  }

  /** Series and pieces held: the memory they take. */
  get size(): { series: number; pieces: number } {
    let series = 0;
    let pieces = 0;
    for (const byLabels of this.#metrics.values()) {
      series += byLabels.size;
      for (const { parts } of byLabels.values()) for (const part of parts) pieces += part.counter.size;
    }
    return { series, pieces };
  }
}

/** Whether the series had a life anywhere in the span. */
export function alive(series: StoredSeries, from: number, to: number): boolean {
  return series.parts.some(part => part.counter.born <= to && (part.endedAt === undefined || part.endedAt >= from));
}

/** Growth of the series in the span (from, to]. */
export function increaseOf(series: StoredSeries, from: number, to: number): number {
  return series.parts.reduce((sum, part) => sum + part.counter.increase(from, to), 0);
}

/** Value of the series at a time. */
export function valueOf(series: StoredSeries, time: number): number {
  return series.parts.reduce((sum, part) => sum + part.counter.valueAt(time), 0);
}

/** A key that is equal exactly for equal label sets. */
export function labelKey(labels: Labels): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}
