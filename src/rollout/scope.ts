/** What one policy governs, and its name in status. */
import { planHash } from '../api/hash.ts';
import type { Slot } from '../istio/slots.ts';

export type Scope =
  | { kind: 'Namespace'; namespace: string }
  | {
      kind: 'Workload';
      namespace: string;
      name: string;
      /** Short name of the kind that runs it, such as `sts`: a Deployment, which has none, may be of the same name. */
      controller?: string;
      selector: Record<string, string>;
      ports?: number[];
    }
  | { kind: 'Mesh'; namespace: string };

/** What status has room for; two DNS labels always fit. */
const LONGEST_KEY = 127;

/** Key of a scope in status: `cart`, `cart/redis`, `cart/sts/redis`, or `(mesh)`, which no namespace can be called. */
export function scopeKey(scope: Scope): string {
  if (scope.kind !== 'Workload') return scope.kind === 'Mesh' ? '(mesh)' : scope.namespace;
  const { namespace, controller, name } = scope;
  const key = [namespace, ...(controller ? [controller] : []), name].join('/');
  return key.length <= LONGEST_KEY ? key : `${key.slice(0, LONGEST_KEY - 9)}~${planHash(key)}`;
}

/** Name by which a wave calls a scope. */
export function scopeName(scope: Scope): string {
  return scope.kind === 'Workload' ? scope.name : scope.namespace;
}

/** Where the scope's policy sits. */
export function scopeSlot(scope: Scope): Slot {
  return { namespace: scope.namespace, selector: scope.kind === 'Workload' ? scope.selector : undefined };
}

/** Whether a key is that of a workload: only those have a namespace in front. */
export function isWorkloadKey(key: string): boolean {
  return key.includes('/');
}
