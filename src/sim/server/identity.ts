/** Times, uids and generated names of new objects, from a clock and a source of randomness. */
import type { Clock } from '../../cluster/clock.ts';

/** What the server gives to new objects. */
export interface Identity {
  /** RFC 3339, whole seconds. */
  now(): string;
  uid(): string;
  /** What `generateName` ends in. */
  suffix(): string;
}

/** The letters and digits Kubernetes generates names from: none that spell words. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

export function identity(clock: Clock, random: () => number): Identity {
  const digits = (count: number) =>
    Array.from({ length: count }, () => Math.floor(random() * 16).toString(16)).join('');
  return {
    now: () => timestamp(clock.now()),
    uid: () => `${digits(8)}-${digits(4)}-4${digits(3)}-${'89ab'[Math.floor(random() * 4)]}${digits(3)}-${digits(12)}`,
    suffix: () => Array.from({ length: 5 }, () => ALPHABET[Math.floor(random() * ALPHABET.length)]).join(''),
  };
}

/** RFC 3339 in whole seconds, as Kubernetes writes its times. */
function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
