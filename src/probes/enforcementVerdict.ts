/** From what the ports answered to the verdict: is STRICT in force in every scope of the round? */
import type { Pod } from '../istio/objects.ts';
import { countOf, firstFew, worst, type Finding } from './observation.ts';
import type { RoundKind } from '../rollout/world.ts';

/** What a port showed. */
export type Found =
  /** The workload's own certificate to a stranger: proof of STRICT. */
  | 'Strict'
  /** Plaintext, or a certificate that is not the mesh's: the application itself answered. */
  | 'Open'
  /** The workload's certificate, but only to a hello of the mesh. */
  | 'Permissive'
  /** A mesh certificate of another namespace: the address has passed to another pod. */
  | 'Stranger'
  /** Nothing but resets. */
  | 'Closed'
  | 'Silent'
  | 'Unasked';

const SAYS: Record<Found, string> = {
  Strict: 'is STRICT',
  Open: 'still answers strangers',
  Permissive: 'answers as if still PERMISSIVE',
  Stranger: 'answered with the identity of another namespace: its address belongs to another pod now',
  Closed: 'resets every hello: does anything listen there?',
  Silent: 'did not answer: can the operator reach it (NetworkPolicy)?',
  Unasked: 'was not asked: too many others did not show STRICT',
};

/** One port of one pod. */
export interface Door {
  pod: Pod;
  port: number;
  found: Found;
}

export interface ScopeDoors {
  key: string;
  doors: Door[];
  /** Pods with a sidecar that have no address yet. */
  waiting: number;
  /** Pods that declare no port, beside others that do. */
  portless: number;
  /** Pods behind ztunnel. */
  ambient: number;
}

interface ScopeFinding {
  verdict: Finding['verdict'];
  texts: string[];
}

/**
 * Ports behind ztunnel are not asked: refused or closed, they look the same. Where another probe counts what ztunnel
 * denies they are left to it, and STRICT is taken from the policy, which was read back; elsewhere they are not proven.
 */
export function judgeEnforcement(
  scopes: readonly ScopeDoors[],
  round: RoundKind,
  { denialsCounted = false } = {},
): Finding {
  const findings = scopes.map(scope => judgeScope(scope, round, denialsCounted));
  const verdict = worst(findings.map(finding => finding.verdict));
  const asked = scopes.flatMap(({ doors }) => doors.filter(({ found }) => found !== 'Unasked'));
  const strict = asked.filter(({ found }) => found === 'Strict').length;
  const texts = findings.filter(finding => finding.verdict === verdict).flatMap(finding => finding.texts);
  const proven = `${countOf(strict, 'port')} refused a stranger with the mesh's certificate`;
  const healthy = strict > 0 ? [proven, ...texts] : texts;
  return {
    verdict,
    value: asked.length > 0 ? `${strict}/${asked.length} ports` : 'no ports',
    samples: asked.length,
    message: firstFew(verdict === 'Healthy' ? healthy : texts),
  };
}

/** Is STRICT gone from every scope of the round, on the ports that it was to leave? */
export function judgeRestored(scopes: readonly ScopeDoors[]): Finding {
  const doors = scopes.flatMap(scope => scope.doors);
  const asked = doors.filter(({ found }) => found !== 'Unasked');
  const saying = (which: (found: Found) => boolean, words: (found: Found) => string) =>
    doors
      .filter(({ found }) => which(found))
      .map(({ pod, port, found }) => `port ${port} of ${pod.namespace}/${pod.name} ${words(found)}`);
  const isBack = (found: Found) => found === 'Open' || found === 'Permissive';
  const strict = saying(
    found => found === 'Strict',
    () => 'is still STRICT',
  );
  const unsure = [
    ...saying(
      found => found !== 'Strict' && !isBack(found),
      found => SAYS[found],
    ),
    ...scopes.flatMap(scope => unasked(scope, false)),
  ];
  const back = asked.filter(({ found }) => isBack(found)).length;
  const seen = `${countOf(back, 'port')} no longer ${back === 1 ? 'asks' : 'ask'} for mutual TLS`;
  return {
    verdict: strict.length > 0 ? 'Unhealthy' : unsure.length > 0 ? 'NoData' : 'Healthy',
    value: asked.length > 0 ? `${back}/${asked.length} ports` : 'no ports',
    samples: asked.length,
    message: firstFew(strict.length > 0 ? strict : unsure.length > 0 ? unsure : [seen]),
  };
}

function judgeScope(scope: ScopeDoors, round: RoundKind, denialsCounted: boolean): ScopeFinding {
  const { key, doors } = scope;
  const sidecars = doors.length + scope.portless + scope.waiting;
  if (sidecars + scope.ambient === 0)
    return { verdict: 'Healthy', texts: [`no pods in the mesh in ${key}: nothing to ask`] };
  const judged = doors.map(door => judgeDoor(door, round));
  const unhealthy = judged.filter(({ verdict }) => verdict === 'Unhealthy');
  if (unhealthy.length > 0) return { verdict: 'Unhealthy', texts: unhealthy.flatMap(({ texts }) => texts) };
  const open = [
    ...judged.filter(({ verdict }) => verdict === 'NoData').flatMap(({ texts }) => texts),
    ...unasked(scope, denialsCounted),
  ];
  if (open.length > 0) return { verdict: 'NoData', texts: open };
  return { verdict: 'Healthy', texts: aside(scope) };
}

/** What a healthy scope does not prove. */
function aside({ key, portless, ambient }: ScopeDoors): string[] {
  return [
    ...(portless > 0 ? [`${countOf(portless, 'pod')} of ${key} declare no port and were not asked`] : []),
    ...(ambient > 0
      ? [
          `${countOf(ambient, 'pod')} of ${key} behind ztunnel cannot be asked: their policy was read back, and what ztunnel denies is counted`,
        ]
      : []),
  ];
}

/** Why a scope is not proven although no port spoke against it. */
function unasked({ key, doors, ambient, waiting }: ScopeDoors, denialsCounted: boolean): string[] {
  return [
    ...(ambient > 0 && !denialsCounted
      ? [
          `${countOf(ambient, 'pod')} of ${key} behind ztunnel cannot be asked from outside: add an ambientDenials probe, which counts what ztunnel denies`,
        ]
      : []),
    ...(doors.length === 0 && waiting > 0 ? [`no pod of ${key} has an address yet`] : []),
  ];
}

function judgeDoor({ pod, port, found }: Door, round: RoundKind): ScopeFinding {
  const text = `port ${port} of ${pod.namespace}/${pod.name} ${SAYS[found]}`;
  return { verdict: verdictOf(found, round), texts: [text] };
}

function verdictOf(found: Found, round: RoundKind): Finding['verdict'] {
  if (found === 'Strict') return 'Healthy';
  // inferred from resets, which is enough to go on waiting for STRICT, but not enough to roll back, nor for an alarm
  const isOpen = found === 'Open' || (found === 'Permissive' && round === 'Enforcement');
  return isOpen ? 'Unhealthy' : 'NoData';
}
