/** Objects as rows: what `kubectl get` asks for and prints. */
import { humanAge } from './age.ts';
import { find } from './jsonPath.ts';
import type { Column, Resource } from './resource.ts';
import { isObject, type JsonObject, type KubeObject, textOf } from './value.ts';

/** How much of the object comes with its row. */
export type Include = 'None' | 'Metadata' | 'Object';

const NAME_COLUMN: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name must be unique within a namespace.',
  priority: 0,
  value: '.metadata.name',
};
const AGE_COLUMN: Column = {
  name: 'Age',
  type: 'date',
  description: 'How long ago the object was created.',
  priority: 0,
  value: '.metadata.creationTimestamp',
};

export function wantsTable(accept: string | undefined): boolean {
  const first = accept?.split(',').find(part => part.includes('application/json') || part.includes('*/*'));
  return first !== undefined && /;\s*as=Table\b/.test(first);
}

/** One object or a list as a table; `withColumns` is false from the second event of a watch on. */
export function tableOf(
  resource: Resource,
  body: JsonObject,
  now: number,
  include: Include,
  withColumns = true,
): JsonObject {
  const objects = Array.isArray(body.items) ? (body.items as KubeObject[]) : [body as KubeObject];
  const columns = columnsOf(resource);
  const metadata = isObject(body.metadata) ? body.metadata : {};
  const { resourceVersion, continue: next, remainingItemCount } = metadata;
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion, ...(next !== undefined && { continue: next, remainingItemCount }) },
    columnDefinitions: withColumns
      ? columns.map(({ name, type, format = '', description = '', priority }) => ({
          name,
          type,
          format,
          description,
          priority,
        }))
      : null,
    rows: objects.map(object => ({
      cells: columns.map(column => cellOf(column, object, now)),
      ...(include !== 'None' && { object: include === 'Object' ? object : partial(object) }),
    })),
  };
}

function columnsOf(resource: Resource): readonly Column[] {
  return [NAME_COLUMN, ...(resource.columns ?? [AGE_COLUMN])];
}

function partial(object: KubeObject): JsonObject {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}

function cellOf({ value, type }: Column, object: KubeObject, now: number): unknown {
  if (typeof value === 'function') return value(object, now);
  const found = find(object, value);
  const [first] = found;
  if (first === undefined || first === null) return null;
  switch (type) {
    case 'date':
      return humanAge(first, now);
    case 'integer':
      return typeof first === 'number' ? Math.trunc(first) : null;
    case 'number':
      return typeof first === 'number' ? first : null;
    case 'boolean':
      return typeof first === 'boolean' ? first : null;
    default:
      return found.map(textOf).join(' ');
  }
}
