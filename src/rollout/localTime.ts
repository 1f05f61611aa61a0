/** The clock on the wall of a time zone: the only place that knows the IANA database. */
import { DateTime, IANAZone } from 'luxon';

/** Milliseconds that the zone is ahead of UTC at a time. */
export function offsetAt(zone: string, at: number): number {
  return Math.round(IANAZone.create(zone).offset(at) * 60_000);
}

/** `Tue 2026-12-01 09:00 (Europe/Berlin, UTC+1)`: in autumn an hour comes twice, and the offset tells which one. */
export function localText(at: number, zone: string): string {
  const local = DateTime.fromMillis(at, { zone, locale: 'en' });
  const name = zone === 'UTC' ? 'UTC' : `${zone}, UTC${local.toFormat('Z')}`;
  return `${local.toFormat('ccc yyyy-MM-dd HH:mm')} (${name})`;
}
