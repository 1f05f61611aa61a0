/** What keeps an exception of the author from being what it says. */
import type { MtlsRollout } from '../api/resource.ts';
import type { Hazard } from '../api/status.ts';
import { compatible } from './labels.ts';
import { slotKey } from '../istio/slots.ts';
import { type Exception, type ExceptionState, namespaceOf } from './excepted.ts';
import type { Plan } from './plan.ts';
import { type Scope, scopeSlot } from './scope.ts';
import type { ScopeState } from './scopeState.ts';
import { nameOf } from './text.ts';

/** Exceptions that belong to no scope of the plan, or to one that has no room for them. */
export function exceptionHazards(rollout: MtlsRollout, { scopes }: Plan): Hazard[] {
  const all = [...scopes.values()].map(({ scope }) => scope);
  return rollout.spec.exceptions.flatMap(exception => {
    const near = all.filter(scope => scope.kind !== 'Mesh' && scope.namespace === namespaceOf(exception, rollout));
    return misfit(exception, near);
  });
}

/** Exceptions of a scope that another policy, or another exception, makes void. */
export function exceptionHazardsOf({ key, exceptions }: ScopeState): Hazard[] {
  return exceptions.flatMap((state, index) => {
    const rival = exceptions.slice(0, index).find(other => overlap(other, state));
    const why = state.hiddenBy
      ? `${nameOf(state.hiddenBy)} is older and may select the same pods, and Istio obeys only that one`
      : rival && `exception ${rival.exception.name} may select the same pods, and Istio obeys only one of the two`;
    if (!why) return [];
    const fix = state.hiddenBy
      ? 'give the exception the selector of that policy, or remove the policy'
      : 'make them one exception, or give them selectors that differ in a value';
    return [exceptionVoid(state.exception, `exception ${state.exception.name} would do nothing: ${why}`, fix, key)];
  });
}

function overlap(a: ExceptionState, b: ExceptionState): boolean {
  return compatible(a.scope.selector, b.scope.selector);
}

function misfit(exception: Exception, near: readonly Scope[]): Hazard[] {
  const { name, ports } = exception;
  if (near.length === 0)
    return [
      {
        code: 'ExceptionOutside',
        severity: 'Warn',
        object: `exception ${name}`,
        message: `exception ${name} is about a namespace in which this rollout moves nothing`,
        fix: 'correct its namespace, or remove it',
      },
    ];
  return near.flatMap(scope => {
    if (scope.kind !== 'Workload') return [];
    const same =
      slotKey(scopeSlot(scope)) === slotKey({ ...scopeSlot(scope), selector: exception.selector.matchLabels });
    if (same && ports && !scope.ports) return [];
    if (!compatible(scope.selector, exception.selector.matchLabels)) return [];
    const what = same
      ? ports
        ? `workload ${scope.name} moves only the ports that it names`
        : `it leaves nothing of workload ${scope.name}`
      : `it may select pods of workload ${scope.name} by other labels, and Istio obeys one policy of a pod only`;
    const fix = same
      ? 'take the ports from the workload, or the workload from the target, and remove the exception'
      : `give the exception the selector of workload ${scope.name}`;
    return [exceptionVoid(exception, `exception ${name} cannot be kept: ${what}`, fix)];
  });
}

function exceptionVoid({ name }: Exception, message: string, fix: string, scope?: string): Hazard {
  const object = `exception ${name}`;
  return { code: 'ExceptionVoid', severity: 'Block', ...(scope ? { scope } : {}), object, message, fix };
}
