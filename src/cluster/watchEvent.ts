/** One line of a watch, read and checked. */
import { errorOf, KubeError, statusInStream } from './errors.ts';
import type { KubeObject, ObjectKey } from './resource.ts';
import { parseVersion, type Version } from './resourceVersion.ts';

/** An object with its identity checked; only what no API server sends fails here. */
export interface Identified {
  key: ObjectKey;
  uid: string;
  version: Version;
  object: KubeObject;
}

export type WatchEvent =
  | { type: 'Applied'; of: Identified }
  | { type: 'Deleted'; of: Identified }
  | { type: 'Bookmark'; version: Version };

/** Reads a line. Throws KubeError Gone for a damaged one (list again), or what the server reports as error. */
export function readWatchLine(line: string, about: string, now: number): WatchEvent {
  const { type, object } = parse(line, about);
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
      return { type: 'Applied', of: identify(object, about) };
    case 'DELETED':
      return { type: 'Deleted', of: identify(object, about) };
    case 'BOOKMARK': {
      const version = parseVersion((object as KubeObject | undefined)?.metadata?.resourceVersion);
      if (version === undefined) throw damaged(about, 'a bookmark without a version');
      return { type: 'Bookmark', version };
    }
    case 'ERROR':
      throw errorOf(statusInStream(object), { verb: 'watch', object: about }, now);
    default:
      throw damaged(about, 'an event of unknown type');
  }
}

/** The identity of an object from a list or a watch. */
export function identify(object: unknown, about: string): Identified {
  const metadata = (object as KubeObject | null | undefined)?.metadata;
  const version = parseVersion(metadata?.resourceVersion);
  const { name, namespace = '', uid } = metadata ?? {};
  if (typeof name !== 'string' || typeof namespace !== 'string' || typeof uid !== 'string' || version === undefined) {
    throw damaged(about, 'an object without name, uid or version');
  }
  return { key: { namespace, name }, uid, version, object: object as KubeObject };
}

function parse(line: string, about: string): { type?: unknown; object?: unknown } {
  try {
    const event: unknown = JSON.parse(line);
    if (typeof event === 'object' && event !== null) return event;
  } catch {
    // reported below, like everything else that is no event
  }
  throw damaged(about, 'a damaged line');
}

function damaged(about: string, what: string): KubeError {
  return new KubeError('Gone', `watch ${about}: the API server sent ${what}: listing again`);
}
