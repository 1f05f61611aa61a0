/** What several families do with findings before they hand them out. */
import type { Struck } from './backends.ts';
import type { Finding } from './family.ts';

/** The first finding of each code about an object: replicas that differ a little have the same hazard. */
export function oncePerObject(findings: readonly Finding[]): Finding[] {
  const first = new Map<string, Finding>();
  for (const finding of findings) {
    const key = `${finding.code} ${finding.object}`;
    if (!first.has(key)) first.set(key, finding);
  }
  return [...first.values()];
}

/** The exception that keeps what is struck PERMISSIVE; none where it would take more than one. */
export function exceptionFor(
  struck: readonly Pick<Struck, 'port' | 'service'>[],
  reason: string,
): Pick<Finding, 'exception'> {
  const [first, ...others] = struck;
  if (!first || others.some(({ service }) => service !== first.service)) return {};
  const ports = [...new Set(struck.map(({ port }) => port))].toSorted((a, b) => a - b);
  return { exception: { namespace: first.service.namespace, selector: first.service.selector, ports, reason } };
}
