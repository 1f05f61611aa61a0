/** Short names of values: the same for the same content, whatever the order of its keys. */
import { createHash } from 'node:crypto';

/** Hash of a plan as an approval names it: 8 hex characters. */
export function planHash(value: unknown): string {
  return digest(value).slice(0, 8);
}

/** Guards a stored value against damage: 16 hex characters. */
export function checksum(value: unknown): string {
  return digest(value).slice(0, 16);
}

function digest(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

/** JSON with the keys of every object in code-unit order. Members that JSON leaves out are left out. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, sortKeys) ?? 'null';
}

function sortKeys(_key: string, value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  // fromEntries defines members, so a key named __proto__ stays a key; integer-like keys come first, always alike.
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
