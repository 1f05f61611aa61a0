/** The entry of `spec.exceptions` that takes a finding away. */
import type { MtlsRollout } from '../api/resource.ts';
import type { FoundHazard } from '../istio/hazards/catalogue.ts';
import type { HazardReport } from './hazardReport.ts';

type Entry = MtlsRollout['spec']['exceptions'][number];

/** How long a proposed exception lasts: somebody should look again after a quarter of a year. */
const DAYS = 90;
const DAY = 24 * 60 * 60 * 1000;
/** Of a DNS label; what follows a name takes up to six of them. */
const LONGEST_NAME = 63 - 6;

/**
 * Undefined where an exception is no way out.
 * @param now milliseconds since the epoch
 */
export function exceptionFor(
  { object, exception }: FoundHazard,
  { namespace, rootNamespace }: Pick<HazardReport, 'namespace' | 'rootNamespace'>,
  now: number,
): Entry | undefined {
  if (!exception) return undefined;
  const { selector, ports, reason } = exception;
  return {
    name: labelOf(`${object.slice(object.lastIndexOf(' ') + 1)}-${ports[0] ?? 0}`),
    ...(namespace === rootNamespace ? { namespace: exception.namespace } : {}),
    selector: { matchLabels: selector },
    ports,
    reason,
    until: new Date(now + DAYS * DAY).toISOString().slice(0, 10),
  };
}

/** With a number behind it where the name is taken: entries are told apart by their names. */
export function freeName(name: string, taken: readonly string[]): string {
  if (!taken.includes(name)) return name;
  const free = Array.from(taken, (_, index) => `${name}-${index + 2}`);
  return free.find(each => !taken.includes(each)) ?? name;
}

/** A DNS label: `cert-manager-webhook-10250`. */
function labelOf(text: string): string {
  const plain = text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  return plain.slice(-LONGEST_NAME).replaceAll(/^-+|-+$/g, '');
}
