/** What an annotation holds, with a checksum: what is not as it was written is not gone by. */
import { checksum } from '../api/hash.ts';

export function seal(value: object): string {
  return JSON.stringify({ ...value, check: checksum(value) });
}

/** Undefined where there is none, or one that was damaged. */
export function unseal(text: string | undefined): object | undefined {
  if (text === undefined) return undefined;
  try {
    const { check, ...value } = JSON.parse(text) as { check?: unknown };
    return check === checksum(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
