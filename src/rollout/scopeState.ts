/** Where one scope stands: the policy in its slot, what the rollout left on it, and the mode that Istio gives. */
import { type Effective, effectiveModes, meshMode, namespaceMode } from '../istio/effectiveMode.ts';
import type { Mode, PeerAuthentication } from '../istio/objects.ts';
import { modeOf, type Policies, portModesOf, selectorOf } from '../istio/policies.ts';
import { holderOf, slotKey, slotOf, weaker } from '../istio/slots.ts';
import { compatible } from './labels.ts';
import { type Mark, markOf } from './marks.ts';
import { type Scope, scopeKey, scopeSlot } from './scope.ts';

export interface ScopeState {
  scope: Scope;
  key: string;
  /** The policy that Istio obeys in the scope's slot. */
  holder: PeerAuthentication | undefined;
  mark: Mark | undefined;
  /** Mode of the scope; of its weakest port where the scope is a list of ports. */
  effective: Effective;
  /** Modes of its ports, where the scope is a list of ports. */
  ports: ReadonlyMap<number, Mode>;
  /** Mode that the scope would have without the policy in its slot. */
  inherited: Mode;
  /** Narrower policies inside the scope, or exceptions in its own policy, that leave something below STRICT. */
  weakerInside: readonly PeerAuthentication[];
  /** Other policies that may govern the same pods, so that it is not sure whose mode counts. */
  overlapping: readonly PeerAuthentication[];
}

export function scopeState(scope: Scope, policies: Policies, rootNamespace: string): ScopeState {
  const holder = holderOf(policies, scopeSlot(scope));
  const mark = holder && markOf(holder);
  const base = { scope, key: scopeKey(scope), holder, mark, ports: new Map<number, Mode>() };
  if (scope.kind === 'Mesh') {
    const effective = meshMode(policies, rootNamespace);
    return { ...base, effective, inherited: 'PERMISSIVE', weakerInside: [], overlapping: [] };
  }
  const inherited =
    scope.kind === 'Namespace'
      ? meshMode(policies, rootNamespace).mode
      : namespaceMode(policies, rootNamespace, scope.namespace).mode;
  if (scope.kind === 'Namespace') {
    const effective = namespaceMode(policies, rootNamespace, scope.namespace);
    return { ...base, effective, inherited, weakerInside: exceptionsIn(policies, scope.namespace), overlapping: [] };
  }
  return { ...base, inherited, ...workloadState(scope, holder, policies, rootNamespace) };
}

/** Whether everything in the scope is STRICT by Istio's rules. */
export function isStrict(state: ScopeState): boolean {
  return state.effective.mode === 'STRICT' && state.weakerInside.length === 0 && state.overlapping.length === 0;
}

/** Whether the rollout with this uid had set a mode here and Istio now gives a weaker one: somebody else's doing. */
export function isDrifted({ effective, mark }: ScopeState, uid: string): boolean {
  return mark?.rollout === uid && mark.applied !== undefined && weaker(effective.mode, mark.applied.mode);
}

function workloadState(
  scope: Scope & { kind: 'Workload' },
  holder: PeerAuthentication | undefined,
  policies: Policies,
  rootNamespace: string,
): Pick<ScopeState, 'effective' | 'ports' | 'weakerInside' | 'overlapping'> {
  const { workload, ports } = effectiveModes(policies, rootNamespace, scope.namespace, scope.selector);
  const slot = slotKey(scopeSlot(scope));
  const overlapping = policies.in(scope.namespace).filter(policy => {
    const selector = selectorOf(policy);
    return selector !== undefined && slotKey(slotOf(policy)) !== slot && compatible(selector, scope.selector);
  });
  if (scope.ports) {
    const each = scope.ports.map(port => [port, ports.get(port) ?? workload] as const);
    const effective = each.map(([, of]) => of).reduce((a, b) => (weaker(b.mode, a.mode) ? b : a));
    return { effective, ports: new Map(each.map(([port, { mode }]) => [port, mode])), weakerInside: [], overlapping };
  }
  const exceptions = [...ports.values()].some(({ mode }) => weaker(mode, 'STRICT'));
  return { effective: workload, ports: new Map(), weakerInside: holder && exceptions ? [holder] : [], overlapping };
}

/** Workload policies that hold their slot in a namespace and ask for less than STRICT somewhere. */
function exceptionsIn(policies: Policies, namespace: string): PeerAuthentication[] {
  const seen = new Set<string>();
  return policies.in(namespace).filter(policy => {
    if (selectorOf(policy) === undefined) return false;
    const slot = slotKey(slotOf(policy));
    if (seen.has(slot)) return false;
    seen.add(slot);
    return [modeOf(policy), ...portModesOf(policy).values()].some(mode => mode !== undefined && mode !== 'STRICT');
  });
}
