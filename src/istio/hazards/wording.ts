/** Pieces of sentences that findings share. */

/** Only the first few are named: a finding is stored in a status. */
const MOST = 3;

/** `shop/cart`, `shop/a and shop/b`, `a, b, c and 2 more`; what comes twice is named once. */
export function listed(things: Iterable<string | number>): string {
  const names = [...new Set(things)];
  const shown = names.length > MOST ? [...names.slice(0, MOST), `${names.length - MOST} more`] : names;
  return shown.length > 1 ? `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}` : `${shown[0] ?? 'nothing'}`;
}

/** `port 80`, `ports 80 and 443`. */
export function ports(numbers: Iterable<number>): string {
  const all = [...new Set(numbers)].toSorted((a, b) => a - b);
  return `${all.length === 1 ? 'port' : 'ports'} ${listed(all)}`;
}

/** `shop/cart`. */
export function path({ namespace, name }: { namespace: string; name: string }): string {
  return `${namespace}/${name}`;
}
