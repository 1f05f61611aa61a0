/** What the step of a scope writes to policies: before anybody looks for plaintext, and when it goes STRICT. */
import type { MtlsRollout } from '../api/resource.ts';
import type { PeerAuthentication } from '../istio/objects.ts';
import { modeOf, type Policies, policiesOf, portModesOf } from '../istio/policies.ts';
import { fieldsAfter, fieldsBefore } from './excepted.ts';
import { except, raise, restore } from './intended.ts';
import { type Mark, markOf } from './marks.ts';
import { mergePatch } from './mergePatch.ts';
import { hasMoved } from './preflight.ts';
import type { Scope } from './scope.ts';
import { isDrifted, type ScopeState, scopeState } from './scopeState.ts';
import type { World } from './world.ts';
import type { Write } from './writes.ts';

/** For a scope that has not moved: explicit policies for its exceptions, and its own. */
export function preparations(rollout: MtlsRollout, state: ScopeState, policies: Policies): Write[] {
  if (hasMoved(rollout, state)) return [];
  const exceptions = state.exceptions.map(exception =>
    except(rollout, exception, state.key, fieldsBefore(exception), policies),
  );
  return [...exceptions, preparation(rollout, state, policies)].filter(write => write !== undefined);
}

/** What makes a scope STRICT: around its exceptions, and itself. */
export function enforcements(rollout: MtlsRollout, state: ScopeState, policies: Policies): Write[] {
  const exceptions = state.exceptions.map(exception =>
    except(rollout, exception, state.key, fieldsAfter(exception), policies),
  );
  const leftovers = state.leftovers.map(policy => {
    const mark = markOf(policy);
    return mark && restore(policy, mark);
  });
  const writes = [...exceptions, raise(rollout, state, 'STRICT', policies), ...leftovers];
  return writes.filter(write => write !== undefined);
}

/** Everything that the step of a scope will write when nobody interferes, in order, and the policies as they are then. */
export function forecast(
  rollout: MtlsRollout,
  state: ScopeState,
  { policies, rootNamespace }: Pick<World, 'policies' | 'rootNamespace'>,
): { prepare: Write[]; enforce: Write[]; after: Policies } {
  const prepare = preparations(rollout, state, policies);
  const prepared = policiesAfter(policies, prepare);
  const ready = scopeState(rollout, state.scope, prepared, rootNamespace);
  const enforce = hasMoved(rollout, ready) ? [] : enforcements(rollout, ready, prepared);
  return { prepare, enforce, after: policiesAfter(prepared, enforce) };
}

/** Takes an explicit PERMISSIVE of ours away where a wider policy has become STRICT by other hands. */
export function heldDown(
  { metadata }: Pick<MtlsRollout, 'metadata'>,
  { scope, holder, mark, inherited, effective }: ScopeState,
): Write | undefined {
  const ours = holder && mark?.rollout === metadata.uid && mark.applied?.mode === 'PERMISSIVE';
  if (!ours || inherited !== 'STRICT' || effective.mode === 'STRICT') return undefined;
  return inheritedBefore(scope, holder, mark.original) ? restore(holder, mark) : undefined;
}

function preparation(rollout: MtlsRollout, state: ScopeState, policies: Policies): Write | undefined {
  const held = heldDown(rollout, state);
  if (held) return held;
  const isWeak = state.effective.mode === 'DISABLE';
  const lacksPort = state.openPorts.some(port => !state.portModes.has(port));
  const isTold =
    state.holder &&
    !isWeak &&
    !lacksPort &&
    (rollout.spec.drift === 'Correct' || !isDrifted(state, rollout.metadata.uid));
  return isTold ? undefined : raise(rollout, state, 'PERMISSIVE', policies);
}

/** Whether the scope took its mode from a wider one before the rollout came; else the original would hold it down. */
function inheritedBefore(scope: Scope, holder: PeerAuthentication, original: Mark['original']): boolean {
  if (original === 'Damaged') return false;
  if (original.kind === 'Nothing') return true;
  const before = { ...holder, spec: original.spec };
  const said = portModesOf(before);
  const ports = scope.kind === 'Workload' ? (scope.ports ?? []) : [];
  return modeOf(before) === undefined && ports.every(port => said.get(port) === undefined);
}

/** The policies as they are once the writes were made. Only the namespaces of the writes are sorted anew. */
export function policiesAfter(policies: Policies, writes: readonly Write[]): Policies {
  const changed = new Map<string, readonly PeerAuthentication[]>();
  const listOf = (namespace: string) => changed.get(namespace) ?? policies.in(namespace);
  for (const write of writes) {
    const { namespace, name } = write.verb === 'create' ? write.object.metadata : write.target;
    const list = listOf(namespace).filter(({ metadata }) => metadata.name !== name);
    const before = listOf(namespace).find(({ metadata }) => metadata.name === name);
    if (write.verb === 'create' && write.object.kind === 'PeerAuthentication') list.push(write.object);
    if (write.verb === 'patch' && before) list.push(mergePatch(before, write.patch) as PeerAuthentication);
    changed.set(namespace, policiesOf(list).in(namespace));
  }
  return { in: listOf };
}
