/**
 * The exceptions of the author inside a scope: workloads, or ports of them, that stay PERMISSIVE while the scope goes
 * STRICT. Each has a policy of its own with explicit modes, written before the scope's: ztunnel honours nothing else.
 */
import type { MtlsRollout } from '../api/resource.ts';
import type { Spec } from '../api/schema.ts';
import { type EffectiveModes, effectiveModes } from '../istio/effectiveMode.ts';
import type { Mode, PeerAuthentication } from '../istio/objects.ts';
import { byAge, modeOf, type Policies, portModesOf, selectorOf } from '../istio/policies.ts';
import { holderOf, slotKey, slotOf, weaker } from '../istio/slots.ts';
import { compatible, type Labels } from './labels.ts';
import { type FieldModes, type Mark, markOf } from './marks.ts';
import { type Scope, scopeSlot } from './scope.ts';

export type Exception = Spec['exceptions'][number];

export interface ExceptionState {
  exception: Exception;
  /** The slot of its policy, as a scope. */
  scope: Scope & { kind: 'Workload' };
  holder: PeerAuthentication | undefined;
  mark: Mark | undefined;
  modes: EffectiveModes;
  /** An older policy of another slot that may select the same pods: Istio would obey that one. */
  hiddenBy: PeerAuthentication | undefined;
}

/** Namespace of an exception: outside the root namespace always that of the rollout. */
export function namespaceOf({ namespace }: Exception, { metadata }: MtlsRollout): string {
  return namespace ?? metadata.namespace;
}

/** Exceptions that belong to the scope and need a policy of their own; those of the scope's own slot are its ports. */
export function exceptionStates(
  rollout: MtlsRollout,
  scope: Scope,
  policies: Policies,
  rootNamespace: string,
): ExceptionState[] {
  if (scope.kind !== 'Namespace') return [];
  return rollout.spec.exceptions
    .filter(exception => namespaceOf(exception, rollout) === scope.namespace)
    .map(exception => stateOf(exception, scope.namespace, policies, rootNamespace));
}

/** Ports of a workload that moves as a whole which an exception with the same selector keeps open. */
export function openPorts(rollout: MtlsRollout, scope: Scope): number[] {
  if (scope.kind !== 'Workload' || scope.ports) return [];
  const slot = slotKey(scopeSlot(scope));
  const own = rollout.spec.exceptions.filter(
    exception =>
      slotKey({ namespace: namespaceOf(exception, rollout), selector: exception.selector.matchLabels }) === slot,
  );
  return own.flatMap(({ ports = [] }) => ports);
}

/** Fields that the policy must say before the scope moves. What is STRICT already is never weakened. */
export function fieldsBefore({ exception, holder, modes }: ExceptionState): FieldModes {
  const { workload, ports } = modes;
  const lacks = (said: Mode | undefined, given: Mode) =>
    given !== 'STRICT' && (said === undefined || weaker(said, 'PERMISSIVE'));
  const said = holder && portModesOf(holder);
  const open = (exception.ports ?? []).filter(port => lacks(said?.get(port), ports.get(port)?.mode ?? workload.mode));
  return fields(lacks(holder && modeOf(holder), workload.mode) ? 'PERMISSIVE' : undefined, open);
}

/** Fields that the policy must say when the scope is STRICT: around open ports the workload is STRICT too. */
export function fieldsAfter(state: ExceptionState): FieldModes {
  const { exception, holder } = state;
  const { mtls, ports } = fieldsBefore(state);
  // where the policy is gone the port has become STRICT: whoever took it away wins
  const isOpen = exception.ports !== undefined && holder !== undefined && modeOf(holder) !== 'STRICT';
  const closing = noLongerOpen(state).map(port => [String(port), 'STRICT' as const]);
  const together = { ...ports, ...Object.fromEntries(closing) };
  return {
    ...(isOpen ? { mtls: 'STRICT' as const } : mtls && !exception.ports ? { mtls } : {}),
    ...(Object.keys(together).length > 0 ? { ports: together } : {}),
  };
}

/** Ports that this rollout opened for an earlier form of the exception. */
function noLongerOpen({ exception, holder, mark }: ExceptionState): number[] {
  const ours = Object.keys(mark?.applied?.set.ports ?? {}).map(Number);
  const said = holder && portModesOf(holder);
  return ours.filter(port => exception.ports && !exception.ports.includes(port) && said?.get(port) === 'PERMISSIVE');
}

/** Whether the exception keeps something below STRICT, once its scope is there. */
export function isInForce({ exception, modes }: ExceptionState): boolean {
  const { workload, ports } = modes;
  return (exception.ports?.map(port => ports.get(port)?.mode ?? workload.mode) ?? [workload.mode]).some(
    mode => mode !== 'STRICT',
  );
}

/** Whether a policy, once its exception is settled, is weaker only where the author wants it so. */
export function allows(state: ExceptionState, policy: PeerAuthentication): boolean {
  const { scope, exception } = state;
  if (slotKey(slotOf(policy)) !== slotKey(scopeSlot(scope))) return false;
  const open = exception.ports && [...exception.ports, ...noLongerOpen(state)];
  return [...portModesOf(policy)].every(([port, mode]) => !mode || mode === 'STRICT' || !open || open.includes(port));
}

function stateOf(exception: Exception, namespace: string, policies: Policies, rootNamespace: string): ExceptionState {
  const selector = exception.selector.matchLabels;
  const scope = { kind: 'Workload' as const, namespace, name: `except-${exception.name}`, selector };
  const holder = holderOf(policies, scopeSlot(scope));
  return {
    exception,
    scope,
    holder,
    mark: holder && markOf(holder),
    modes: effectiveModes(policies, rootNamespace, namespace, selector),
    hiddenBy: olderElsewhere(policies, namespace, selector, holder),
  };
}

function olderElsewhere(
  policies: Policies,
  namespace: string,
  selector: Labels,
  holder: PeerAuthentication | undefined,
): PeerAuthentication | undefined {
  const slot = slotKey({ namespace, selector });
  return policies.in(namespace).find(policy => {
    const labels = selectorOf(policy);
    if (!labels || slotKey(slotOf(policy)) === slot || !compatible(labels, selector)) return false;
    return holder === undefined || byAge(policy, holder) < 0;
  });
}

function fields(mtls: Mode | undefined, ports: readonly number[]): FieldModes {
  const open = Object.fromEntries(ports.map(port => [String(port), 'PERMISSIVE' as const]));
  return { ...(mtls ? { mtls } : {}), ...(ports.length > 0 ? { ports: open } : {}) };
}
