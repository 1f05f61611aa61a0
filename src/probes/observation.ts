/** How a probe's finding becomes an observation that fits into status, whatever names it met on the way. */
import type { Observation, Verdict } from '../api/status.ts';
import type { Look } from './probe.ts';

/** What a pure judge says; name and time are added by `observe`. */
export interface Finding {
  verdict: Verdict;
  /** The number in a few characters: `12/12 ports`. */
  value: string;
  /** Size of the sample behind the value. */
  samples: number;
  /** One sentence: what was seen, where, and what to do if it is not well. */
  message: string;
  /** When the look began, in ms since the epoch, where that was in a round before this one. */
  began?: number;
}

/** What could not be looked at, and why. */
export function unseen(message: string): Finding {
  return { verdict: 'Error', value: '-', samples: 0, message };
}

/** What gives nothing to judge by, and why. */
export function noData(message: string, samples = 0): Finding {
  return { verdict: 'NoData', value: '-', samples, message };
}

/** A scope without pods that the probe could be about. */
export function noPods(message: string): Finding {
  return { verdict: 'Healthy', value: 'no pods', samples: 0, message };
}

/** Counts are extrapolated and so seldom whole: from here on something was seen. */
export const SEEN = 0.5;

const MAX_VALUE = 128;
const MAX_MESSAGE = 1024;
const WORST_FIRST: readonly Verdict[] = ['Unhealthy', 'Error', 'NoData', 'Healthy'];

/** Looks once. Whatever goes wrong while looking is the verdict Error: a probe never fails its caller. */
export async function observe(name: string, look: Look, find: () => Promise<Finding>): Promise<Observation>;
/** The same for a probe that goes on: undefined while it is not done. */
export async function observe(
  name: string,
  look: Look,
  find: () => Promise<Finding | undefined>,
): Promise<Observation | undefined>;
export async function observe(
  name: string,
  look: Look,
  find: () => Promise<Finding | undefined>,
): Promise<Observation | undefined> {
  const finding = await find().catch((error: unknown) => couldNotLook(error, look.signal));
  return (
    finding && {
      name,
      verdict: finding.verdict,
      value: clip(finding.value, MAX_VALUE),
      samples: Number.isFinite(finding.samples) ? Math.max(0, finding.samples) : 0,
      message: clip(finding.message, MAX_MESSAGE),
      // a clock that went back must not put a look into the future
      at: new Date(Math.min(look.now, finding.began ?? look.now)).toISOString(),
    }
  );
}

function couldNotLook(error: unknown, signal: AbortSignal): Finding {
  const reason = error instanceof Error ? error.message : String(error);
  const message = signal.aborted ? 'the look was cut short; the next round looks again' : `could not look: ${reason}`;
  return unseen(message);
}

/** The verdict that decides: one Unhealthy outweighs everything, and Healthy needs all of them. */
export function worst(verdicts: Iterable<Verdict>): Verdict {
  const seen = new Set(verdicts);
  return WORST_FIRST.find(verdict => seen.has(verdict)) ?? 'NoData';
}

/** At most `max` characters on one line. Names come from metrics and certificates, so they may hold anything. */
export function clip(text: string, max: number): string {
  const line = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu, ' ');
  if (line.length <= max) return line;
  const cut = line.slice(0, max - 1);
  // half of a surrogate pair is not a character that an API server would take
  return `${/[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}

/** `1 pod`, `3 pods`; counts from extrapolated counters are rounded, never below 1 once something was seen. */
export function countOf(n: number, noun: string, plural = `${noun}s`): string {
  const whole = n >= SEEN ? Math.max(1, Math.round(n)) : 0;
  return `${whole} ${whole === 1 ? noun : plural}`;
}

/** The first few of a list in words: `a; b; c; and 4 more`. */
export function firstFew(items: readonly string[], few = 3): string {
  const more = items.length - few;
  return [...items.slice(0, few), ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}
