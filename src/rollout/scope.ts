/** What one policy governs, and its name in status. */

export type Scope =
  | { kind: 'Namespace'; namespace: string }
  | { kind: 'Workload'; namespace: string; name: string; selector: Record<string, string>; ports?: number[] }
  | { kind: 'Mesh'; namespace: string };

/** Key of a scope in status and annotations: `cart`, `cart/redis`, or `mesh`. */
export function scopeKey(scope: Scope): string {
  if (scope.kind === 'Workload') return `${scope.namespace}/${scope.name}`;
  return scope.kind === 'Mesh' ? 'mesh' : scope.namespace;
}
