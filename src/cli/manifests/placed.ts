/** Documents that are sound, each with everything that an API server would have given it. */
import { parseRollout } from '../../api/validate.ts';
import { GROUP, KIND, type MtlsRollout } from '../../api/resource.ts';
import type { KubeObject } from '../../cluster/resource.ts';
import { fieldsOf, textOf } from '../../istio/fields.ts';
import { INVENTORY_KINDS, type KindName, kindOf } from '../../istio/inventory/kinds.ts';
import { type ManifestDocument, type Place, placeText, type Problem } from './documents.ts';
import { envelopeProblems, specProblems } from './schemas.ts';

export interface Placed {
  place: Place;
  /** `Service shop/cart`. */
  name: string;
  object: KubeObject;
  /** What an inventory takes it for; undefined: nothing. */
  kind: KindName | undefined;
  rollout?: MtlsRollout;
}

const CLUSTER_WIDE: ReadonlySet<string> = new Set(
  INVENTORY_KINDS.filter(({ namespaced }) => !namespaced).map(({ kind }) => kind),
);
/** Objects of files have no age, so that ties go by name, as Istio breaks them. */
const BEGINNING = '1970-01-01T00:00:00Z';

/** @param namespace of objects that name none, as with `kubectl apply` */
export function placedFrom(
  documents: readonly ManifestDocument[],
  namespace: string,
): { placed: Placed[]; problems: Problem[] } {
  const placed = new Map<string, Placed>();
  const problems: Problem[] = [];
  for (const document of documents) {
    const wrong = (message: string) => problems.push({ place: document, message });
    const unfit = envelopeProblems(document.object);
    unfit.forEach(wrong);
    if (unfit.length > 0) continue;
    const found = placedOne(document, namespace);
    const known = placed.get(keyOf(found));
    if (known) wrong(`${known.name} is already in ${placeText(known.place)}`);
    else placed.set(keyOf(found), found);
    found.problems.forEach(wrong);
  }
  return { placed: [...placed.values()], problems };
}

/** Of something that is an object, whatever else may be wrong with it. */
function placedOne({ object: raw, ...place }: ManifestDocument, namespace: string): Placed & { problems: string[] } {
  const given = raw as KubeObject & { apiVersion: string; kind: string };
  const kind = kindOf(given.apiVersion, given.kind);
  // of a kind that nobody here knows, a namespace that it does not name is none
  const known = isRollout(given) || (kind !== undefined && !CLUSTER_WIDE.has(kind));
  const object = completed(given, known ? namespace : textOf(given.metadata.namespace) || undefined);
  const name = [given.kind, [object.metadata.namespace ?? [], given.metadata.name].flat().join('/')].join(' ');
  const base = { place, name, object, kind };
  if (!isRollout(given)) return { ...base, problems: kind ? specProblems(kind, given['spec']) : [] };
  const parsed = parseRollout(object);
  return 'rollout' in parsed ? { ...base, ...parsed, problems: [] } : { ...base, problems: parsed.problems };
}

/** With stand-ins for what the API server would set; where the text comes from a cluster, its own values stay. */
function completed(raw: KubeObject & { kind: string }, fallback: string | undefined): KubeObject {
  const { name, namespace: _, uid, resourceVersion, generation, creationTimestamp, ...rest } = fieldsOf(raw.metadata);
  const namespace = fallback === undefined ? undefined : textOf(raw.metadata.namespace) || fallback;
  return {
    ...raw,
    metadata: {
      ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null)),
      name: textOf(name),
      ...(namespace === undefined ? {} : { namespace }),
      uid: textOf(uid) || [raw.kind, namespace ?? '', textOf(name)].join('.'),
      resourceVersion: textOf(resourceVersion) || '0',
      generation: typeof generation === 'number' ? generation : 1,
      creationTimestamp: textOf(creationTimestamp) || BEGINNING,
    },
  };
}

function isRollout({ apiVersion = '', kind }: KubeObject): boolean {
  return kind === KIND && apiVersion.startsWith(`${GROUP}/`);
}

/** Two versions of one kind are the same object. */
function keyOf({ object: { apiVersion = '' }, name }: Placed): string {
  return `${apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.lastIndexOf('/')) : ''} ${name}`;
}
