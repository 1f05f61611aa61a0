/** Points in time as the plugin shows them: UTC, and how far away they are. */
import { clockTime } from '../rollout/text.ts';

export function moment(time: string | undefined, now: number): string {
  const at = Date.parse(time ?? '');
  return Number.isNaN(at) ? '-' : clockTime(at, now);
}

/** How long ago; the time itself where the clock of the cluster is ahead of this machine's. */
export function age(time: string, now: number): string {
  const seconds = Math.floor((now - Date.parse(time)) / 1000);
  return seconds >= 0 ? span(seconds) : moment(time, now);
}

/** `09:22:04 (in 6m)`, `09:12:04 (4m ago)`. */
export function away(time: string, now: number): string {
  const seconds = Math.floor((now - Date.parse(time)) / 1000);
  if (Number.isNaN(seconds)) return moment(time, now);
  return `${moment(time, now)} (${seconds >= 0 ? `${span(seconds)} ago` : `in ${span(-seconds)}`})`;
}

function span(seconds: number): string {
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}
