/** Where one scope stands: the policy in its slot, what the rollout left on it, and the mode that Istio gives. */
import type { MtlsRollout } from '../api/resource.ts';
import { type Effective, effectiveModes, meshMode, namespaceMode } from '../istio/effectiveMode.ts';
import type { Mode, PeerAuthentication } from '../istio/objects.ts';
import { modeOf, type Policies, portModesOf, selectorOf } from '../istio/policies.ts';
import { inSlot, slotKey, slotOf, weaker } from '../istio/slots.ts';
import { allows, type ExceptionState, exceptionStates, fieldsAfter, isInForce, openPorts } from './excepted.ts';
import { compatible } from './labels.ts';
import { type Mark, markOf } from './marks.ts';
import { type Scope, scopeKey, scopeSlot } from './scope.ts';
import { listed } from './text.ts';

export interface ScopeState {
  scope: Scope;
  key: string;
  /** The policy that Istio obeys in the scope's slot. */
  holder: PeerAuthentication | undefined;
  mark: Mark | undefined;
  /** Other policies of the slot, which Istio ignores. */
  younger: readonly PeerAuthentication[];
  /** Mode of the scope; of its weakest port where the scope is a list of ports. */
  effective: Effective;
  /** Modes of its ports, where the scope is a list of ports. */
  ports: ReadonlyMap<number, Mode>;
  /** Mode that the scope would have without the policy in its slot. */
  inherited: Mode;
  /** Modes of the ports that the policy of a workload names. */
  portModes: ReadonlyMap<number, Mode>;
  /** Exceptions of the author that have policies of their own. */
  exceptions: readonly ExceptionState[];
  /** Ports of the workload that an exception of the author keeps open. */
  openPorts: readonly number[];
  /** Policies of exceptions that the author has taken back. */
  leftovers: readonly PeerAuthentication[];
  /** Narrower policies inside the scope, or ports in its own, that leave something below STRICT which is no exception. */
  weakerInside: readonly PeerAuthentication[];
  /** Other policies that may govern the same pods, so that it is not sure whose mode counts. */
  overlapping: readonly PeerAuthentication[];
}

export function scopeState(rollout: MtlsRollout, scope: Scope, policies: Policies, rootNamespace: string): ScopeState {
  const [holder, ...younger] = inSlot(policies, scopeSlot(scope));
  const base = {
    scope,
    key: scopeKey(scope),
    holder,
    mark: holder && markOf(holder),
    younger,
    ports: new Map<number, Mode>(),
    portModes: new Map<number, Mode>(),
    exceptions: exceptionStates(rollout, scope, policies, rootNamespace),
    openPorts: openPorts(rollout, scope),
    leftovers: [],
    weakerInside: [],
    overlapping: [],
  };
  if (scope.kind === 'Mesh')
    return { ...base, effective: meshMode(policies, rootNamespace), inherited: 'PERMISSIVE' as const };
  if (scope.kind === 'Namespace') {
    const effective = namespaceMode(policies, rootNamespace, scope.namespace);
    const leftovers = leftoversIn(rollout, base, policies);
    const weakerInside = weakerIn(policies, base, leftovers);
    return { ...base, effective, inherited: meshMode(policies, rootNamespace).mode, leftovers, weakerInside };
  }
  const inherited = namespaceMode(policies, rootNamespace, scope.namespace).mode;
  return { ...base, inherited, ...workloadState(scope, base, policies, rootNamespace) };
}

/** Whether everything in the scope is STRICT by Istio's rules. */
export function isStrict(state: ScopeState): boolean {
  const { effective, weakerInside, overlapping } = state;
  return (
    effective.mode === 'STRICT' &&
    weakerInside.length === 0 &&
    overlapping.length === 0 &&
    openParts(state).length === 0
  );
}

/** What exceptions of the author keep below STRICT, in words: `webhook (port 9443)`. */
export function openParts({ exceptions, openPorts: own, portModes, effective }: ScopeState): string[] {
  const open = own.filter(port => (portModes.get(port) ?? effective.mode) !== 'STRICT');
  return [
    ...exceptions.filter(isInForce).map(({ exception: { name, ports } }) => `${name}${ports ? portsText(ports) : ''}`),
    ...(open.length > 0 ? [portsText(open).trim()] : []),
  ];
}

function portsText(ports: readonly number[]): string {
  return ` (port${ports.length === 1 ? '' : 's'} ${listed(ports.map(String))})`;
}

/** Whether every exception is as it shall be once the scope is STRICT. */
export function exceptionsSettled({ exceptions, leftovers }: ScopeState): boolean {
  return leftovers.length === 0 && exceptions.every(state => Object.keys(fieldsAfter(state)).length === 0);
}

/** Whether the rollout with this uid had set a mode here and Istio now gives a weaker one: somebody else's doing. */
export function isDrifted({ effective, mark }: ScopeState, uid: string): boolean {
  return mark?.rollout === uid && mark.applied !== undefined && weaker(effective.mode, mark.applied.mode);
}

function workloadState(
  scope: Scope & { kind: 'Workload' },
  { holder, openPorts: open }: Pick<ScopeState, 'holder' | 'openPorts'>,
  policies: Policies,
  rootNamespace: string,
): Pick<ScopeState, 'effective' | 'ports' | 'portModes' | 'weakerInside' | 'overlapping'> {
  const { workload, ports } = effectiveModes(policies, rootNamespace, scope.namespace, scope.selector);
  const portModes = new Map([...ports].map(([port, { mode }]) => [port, mode]));
  const slot = slotKey(scopeSlot(scope));
  const overlapping = policies.in(scope.namespace).filter(policy => {
    const selector = selectorOf(policy);
    return selector !== undefined && slotKey(slotOf(policy)) !== slot && compatible(selector, scope.selector);
  });
  if (scope.ports) {
    const each = scope.ports.map(port => [port, ports.get(port) ?? workload] as const);
    const effective = each.map(([, of]) => of).reduce((a, b) => (weaker(b.mode, a.mode) ? b : a));
    const own = new Map(each.map(([port, { mode }]) => [port, mode]));
    return { effective, ports: own, portModes, weakerInside: [], overlapping };
  }
  const weak = [...portModes].some(([port, mode]) => mode !== 'STRICT' && !open.includes(port));
  return {
    effective: workload,
    ports: new Map(),
    portModes,
    weakerInside: holder && weak ? [holder] : [],
    overlapping,
  };
}

/** Policies that this rollout made, or adopted, for exceptions of the scope which the spec has no more. */
function leftoversIn(
  { metadata }: MtlsRollout,
  { scope, key, holder, exceptions }: Pick<ScopeState, 'scope' | 'key' | 'holder' | 'exceptions'>,
  policies: Policies,
): PeerAuthentication[] {
  return policies.in(scope.namespace).filter(policy => {
    if (policy === holder || exceptions.some(exception => exception.holder === policy)) return false;
    const mark = markOf(policy);
    const { scope: of, exception } = mark?.applied ?? {};
    return mark?.rollout === metadata.uid && of === key && exception !== undefined;
  });
}

/** Workload policies that hold their slot in a namespace and ask for less than STRICT where no exception wants it. */
function weakerIn(
  policies: Policies,
  { scope, exceptions }: Pick<ScopeState, 'scope' | 'exceptions'>,
  leftovers: readonly PeerAuthentication[],
): PeerAuthentication[] {
  const seen = new Set<string>();
  return policies.in(scope.namespace).filter(policy => {
    if (selectorOf(policy) === undefined) return false;
    const slot = slotKey(slotOf(policy));
    if (seen.has(slot)) return false;
    seen.add(slot);
    if (leftovers.includes(policy) || exceptions.some(exception => allows(exception, policy))) return false;
    return [modeOf(policy), ...portModesOf(policy).values()].some(mode => mode !== undefined && mode !== 'STRICT');
  });
}
