/** LIST: selectors, pages that all show the same revision, and lists as of a revision. */
import { badRequest, expired, tooLargeVersion } from './failure.ts';
import { checkListOptions, parseLimit, parseVersion, type Query } from './listOptions.ts';
import type { Resource } from './resource.ts';
import { fieldMatcher, labelMatcher, singleName } from './selectors.ts';
import { keyOf, type Store } from './store.ts';
import { isObject, type JsonObject, type KubeObject } from './value.ts';

export interface Listing {
  items: KubeObject[];
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
}

export function list(store: Store, resource: Resource, namespace: string | undefined, query: Query): Listing {
  const start = startOf(store, query);
  const limit = parseLimit(query.limit);
  const isMatch = matcherOf(resource, query);
  const items: KubeObject[] = [];
  let next: string | undefined;
  let remaining = 0;
  for (const stored of candidates(store, resource, namespace, start, query)) {
    const object = resource.read(stored);
    if (!isMatch(object)) continue;
    if (items.length < limit) items.push(object);
    else {
      next ??= token(start.revision, keyOf(items.at(-1)!));
      remaining++;
      // counting the rest under a selector would mean matching all of it
      if (query.labelSelector || query.fieldSelector) break;
    }
  }
  return {
    items,
    metadata: {
      resourceVersion: String(start.revision),
      ...(next && { continue: next }),
      ...(next && !query.labelSelector && !query.fieldSelector && { remainingItemCount: remaining }),
    },
  };
}

export function matcherOf(resource: Resource, query: Query): (object: KubeObject) => boolean {
  const byLabels = labelMatcher(query.labelSelector);
  const byFields = fieldMatcher(resource, query.fieldSelector);
  return object => byLabels(object) && byFields(object);
}

function* candidates(
  store: Store,
  resource: Resource,
  namespace: string | undefined,
  start: Start,
  query: Query,
): Generator<KubeObject> {
  const name = singleName(query.fieldSelector);
  if (name !== undefined && start.revision === store.revision && (namespace !== undefined || !resource.namespaced)) {
    const found = store.get(resource.table, namespace ?? '', name);
    if (found && start.after === undefined) yield found;
    return;
  }
  yield* start.revision === store.revision
    ? store.list(resource.table, namespace, start.after)
    : store.listAt(start.revision, resource.table, namespace, start.after);
}

interface Start {
  revision: number;
  after: string | undefined;
}

function startOf(store: Store, query: Query): Start {
  if (query.continue) return continued(store, query.continue);
  const version = parseVersion(query.resourceVersion);
  checkListOptions(query);
  if (version > store.revision) throw tooLargeVersion(version, store.revision);
  if (query.resourceVersionMatch === 'Exact' && version > 0) {
    if (version < store.compacted) throw expired('The provided resource version is too old');
    return { revision: version, after: undefined };
  }
  return { revision: store.revision, after: undefined };
}

const TOO_OLD =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.';

function continued(store: Store, text: string): Start {
  const { revision, after } = parseToken(text);
  // -1 is the token of an answer 410: go on with whatever is there now
  if (revision < 0) return { revision: store.revision, after };
  if (revision < store.compacted) throw expired(TOO_OLD, token(-1, after));
  return { revision, after };
}

function token(revision: number, after: string): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start: after })).toString('base64url');
}

function parseToken(text: string): { revision: number; after: string } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    const first = Buffer.from(text, 'base64url').toString()[0] ?? '';
    const why = `invalid character '${first}' looking for beginning of value`;
    throw badRequest(`invalid continue token: continue key is not valid: ${why}`);
  }
  const { rv, start }: JsonObject = isObject(parsed) ? parsed : {};
  if (typeof rv !== 'number' || typeof start !== 'string') {
    throw badRequest('invalid continue token: continue key is not valid: incorrect encoding');
  }
  return { revision: rv, after: start };
}
