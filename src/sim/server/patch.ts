/** JSON patch (RFC 6902). */
import { ApiFailure, badRequest } from './failure.ts';
import { isObject, sameJson } from './value.ts';

interface Operation {
  op: string;
  path: string[];
  from: string[] | undefined;
  value: unknown;
}

/** Applies the operations in order, all or none. */
export function jsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) {
    throw badRequest(
      'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp',
    );
  }
  return patch.map(parseOperation).reduce(applyOperation, target);
}

function parseOperation(operation: unknown): Operation {
  if (!isObject(operation) || typeof operation.op !== 'string' || typeof operation.path !== 'string') throw refused();
  return {
    op: operation.op,
    path: parsePointer(operation.path),
    from: typeof operation.from === 'string' ? parsePointer(operation.from) : undefined,
    value: operation.value,
  };
}

function applyOperation(target: unknown, { op, path, from, value }: Operation): unknown {
  switch (op) {
    case 'test':
      if (!sameJson(read(target, path), value)) throw refused();
      return target;
    case 'add':
      return write(target, path, value, 'add');
    case 'replace':
      read(target, path);
      return write(target, path, value, 'replace');
    case 'remove':
      read(target, path);
      return write(target, path, undefined, 'remove');
    case 'copy':
      return write(target, path, read(target, from), 'add');
    case 'move':
      return write(write(target, from ?? [], undefined, 'remove'), path, read(target, from), 'add');
    default:
      throw refused();
  }
}

function parsePointer(pointer: string): string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) throw refused();
  return pointer
    .slice(1)
    .split('/')
    .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function read(target: unknown, path: readonly string[] | undefined): unknown {
  if (!path) throw refused();
  let at = target;
  for (const key of path) {
    if (Array.isArray(at)) at = at[indexIn(at, key, at.length - 1)];
    else if (isObject(at) && Object.hasOwn(at, key)) at = at[key];
    else throw refused();
  }
  return at;
}

/** A copy along the path; everything beside it is shared. */
function write(target: unknown, path: readonly string[], value: unknown, how: 'add' | 'replace' | 'remove'): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (Array.isArray(target)) return writeItem(target, key, rest, value, how);
  if (!isObject(target)) throw refused();
  const members = new Map(Object.entries(target));
  if (rest.length > 0) {
    if (!members.has(key)) throw refused();
    members.set(key, write(members.get(key), rest, value, how));
  } else if (how === 'remove') members.delete(key);
  else members.set(key, value);
  return Object.fromEntries(members);
}

function writeItem(list: unknown[], key: string, rest: string[], value: unknown, how: string): unknown[] {
  if (rest.length > 0) {
    const index = indexIn(list, key, list.length - 1);
    return list.with(index, write(list[index], rest, value, how as 'add'));
  }
  if (how === 'add') return list.toSpliced(key === '-' ? list.length : indexIn(list, key, list.length), 0, value);
  const index = indexIn(list, key, list.length - 1);
  return how === 'remove' ? list.toSpliced(index, 1) : list.with(index, value);
}

function indexIn(_list: unknown[], key: string, last: number): number {
  const index = /^(0|[1-9][0-9]*)$/.test(key) ? Number(key) : -1;
  if (index < 0 || index > last) throw refused();
  return index;
}

/** All that kube-apiserver says when a JSON patch does not fit the object. */
function refused(): ApiFailure {
  return new ApiFailure(422, 'Invalid', 'the server rejected our request due to an error in our request', {});
}
