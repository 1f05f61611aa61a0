/** Namespaces: what may be created in one, and how one that is to go loses its content, then itself. */
import { isTerminating } from './builtins.ts';
import { forbidden, notFound } from './failure.ts';
import type { Resource, ResourceTable } from './resource.ts';
import type { Store } from './store.ts';
import type { Writes } from './writes.ts';

/** Throws when the namespace is not there, or takes nothing new. */
export function admitTo(store: Store, namespace: string, resource: Resource, name: string): void {
  if (!resource.namespaced) return;
  const found = store.get('namespaces', '', namespace);
  if (!found) throw notFound({ group: '', plural: 'namespaces', kind: 'Namespace' }, namespace);
  if (!isTerminating(found)) return;
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  const message = `namespace ${namespace} is being terminated`;
  throw forbidden(resource, name, why, [{ reason: 'NamespaceTerminating', message, field: 'metadata.namespace' }]);
}

/** Watches the store for namespaces to go; works right after the request that asked for it was answered. */
export function sweepNamespaces(store: Store, resources: ResourceTable, writes: Writes): void {
  const due = new Set<string>();
  store.subscribe(({ object }) => {
    const name = object.kind === 'Namespace' ? object.metadata.name : (object.metadata.namespace ?? '');
    const namespace = store.get('namespaces', '', name);
    if (!namespace || !isTerminating(namespace) || due.has(name)) return;
    due.add(name);
    queueMicrotask(() => {
      sweep(store, resources, writes, name);
      due.delete(name);
    });
  });
}

function sweep(store: Store, resources: ResourceTable, writes: Writes, namespace: string): void {
  for (const table of store.tablesWith(namespace)) {
    const resource = resources.ofTable(table);
    // a list is not to change while it is walked
    for (const { metadata } of Array.from(store.list(table, namespace))) {
      if (resource) writes.delete({ resource, namespace, name: metadata.name }, {}, false);
    }
  }
  if (store.tablesWith(namespace).length === 0) store.delete('namespaces', '', namespace);
}
