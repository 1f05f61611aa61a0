/** Durations as Kubernetes users write them: `90s`, `10m`, `1h30m`, `500ms`. */

/** The written form; Go's `time.ParseDuration` and CEL's `duration()` accept every string that matches. */
export const DURATION_PATTERN = /^([0-9]{1,6}(ms|s|m|h)){1,4}$/;

const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a written duration. Throws RangeError when it is not one. */
export function parseDuration(text: string): number {
  if (!DURATION_PATTERN.test(text)) throw new RangeError(`"${text}" is not a duration such as 30s, 10m or 1h30m`);
  let total = 0;
  for (const [, digits, unit] of text.matchAll(/([0-9]+)(ms|s|m|h)/g)) total += Number(digits) * (UNIT_MS[unit!] ?? 0);
  return total;
}

/** Shortest written form of a span in milliseconds, rounded to seconds from one second up: `1h30m`, `45s`, `200ms`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))}ms`;
  const seconds = Math.round(ms / 1000);
  const parts: [number, string][] = [
    [Math.floor(seconds / 3600), 'h'],
    [Math.floor((seconds % 3600) / 60), 'm'],
    [seconds % 60, 's'],
  ];
  return parts
    .filter(([n]) => n > 0)
    .map(([n, unit]) => `${n}${unit}`)
    .join('');
}
