/** Pieces of sentences that status, events and logs share. */
import type { PeerAuthentication } from '../istio/objects.ts';

/** `09:12:04`, with the date in front when it is not the day of `now`. Times are UTC. */
export function clockTime(at: number, now: number): string {
  const iso = new Date(at).toISOString();
  return iso.slice(0, 10) === new Date(now).toISOString().slice(0, 10)
    ? iso.slice(11, 19)
    : `${iso.slice(0, 10)} ${iso.slice(11, 19)}`;
}

/** RFC 3339 with seconds, as Kubernetes writes times; milliseconds stay when there are any. */
export function timestamp(at: number): string {
  return new Date(at).toISOString().replace('.000Z', 'Z');
}

/** `cart`, `cart and ad`, `cart, ad, email, payment and 5 more`. */
export function listed(names: readonly string[], most = 4): string {
  if (names.length <= 1) return names[0] ?? 'nothing';
  const shown = names.length > most ? [...names.slice(0, most), `${names.length - most} more`] : [...names];
  return `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}

export function counted(n: number, singular: string, plural = `${singular}s`): string {
  return `${n} ${n === 1 ? singular : plural}`;
}

/** `PeerAuthentication cart/default`. */
export function nameOf({ kind, metadata }: Pick<PeerAuthentication, 'metadata'> & { kind: string }): string {
  return `${kind} ${metadata.namespace}/${metadata.name}`;
}

/** What somebody else wrote, as part of a sentence: on one line, and no longer than this. */
export function oneLine(text: string, most: number): string {
  return bounded(text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim(), most);
}

/** Cuts a sentence to what a status field holds; half a character would come back from the API server as another. */
export function bounded(text: string, most = 1024): string {
  return (text.length <= most ? text : `${text.slice(0, most - 1)}…`).toWellFormed();
}
