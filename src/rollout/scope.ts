/** What one policy governs, and its name in status. */
import type { Slot } from '../istio/slots.ts';

export type Scope =
  | { kind: 'Namespace'; namespace: string }
  | { kind: 'Workload'; namespace: string; name: string; selector: Record<string, string>; ports?: number[] }
  | { kind: 'Mesh'; namespace: string };

/** Key of a scope in status: `cart`, `cart/redis`, or `(mesh)`, which no namespace can be called. */
export function scopeKey(scope: Scope): string {
  if (scope.kind === 'Workload') return `${scope.namespace}/${scope.name}`;
  return scope.kind === 'Mesh' ? '(mesh)' : scope.namespace;
}

/** Name by which a wave calls a scope. */
export function scopeName(scope: Scope): string {
  return scope.kind === 'Workload' ? scope.name : scope.namespace;
}

/** Where the scope's policy sits. */
export function scopeSlot(scope: Scope): Slot {
  return { namespace: scope.namespace, selector: scope.kind === 'Workload' ? scope.selector : undefined };
}
