/** What a step leaves of an object, beside what is there now. */
import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff';
import { dump } from 'js-yaml';
import { mergePatch } from '../rollout/mergePatch.ts';
import { nameOf } from '../rollout/text.ts';
import type { PolicyObject, Write } from '../rollout/writes.ts';

/** An object as far as a person cares: nothing that the API server keeps for itself. */
interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  spec: object;
}

export interface ObjectChange {
  /** `PeerAuthentication cart/default`. */
  object: string;
  /** Absent: it is created. */
  before?: Manifest;
  /** Absent: it is deleted. */
  after?: Manifest;
}

/** A copy of the object inside the object: kubectl's own, and never changed here. */
const KUBECTL_COPY = 'kubectl.kubernetes.io/last-applied-configuration';
const CONTEXT = 3;
const NOTHING = '/dev/null';

/** @param holder the object that the write is about, as it is now; undefined where it is created */
export function changeBy(write: Write, holder: PolicyObject | undefined): ObjectChange {
  if (write.verb === 'create') return { object: nameOf(write.object), after: manifestOf(write.object) };
  const { kind, namespace, name } = write.target;
  const object = nameOf({ kind, metadata: { namespace, name } });
  const before = holder ? { before: manifestOf(holder) } : {};
  if (write.verb === 'delete' || !holder) return { object, ...before };
  return { object, ...before, after: manifestOf(mergePatch(holder, write.patch) as PolicyObject) };
}

/** What becomes of an object; nothing where it is neither there before nor after. */
export function changeBetween(before: PolicyObject | undefined, after: PolicyObject | undefined): ObjectChange[] {
  const there = after ?? before;
  if (!there) return [];
  return [
    {
      object: nameOf(there),
      ...(before ? { before: manifestOf(before) } : {}),
      ...(after ? { after: manifestOf(after) } : {}),
    },
  ];
}

/** Unified, of the YAML of both. */
export function diffLines({ object, before, after }: ObjectChange): string[] {
  const [from, to] = [before ? object : NOTHING, after ? object : NOTHING];
  const patch = createTwoFilesPatch(from, to, textOf(before), textOf(after), '', '', {
    context: CONTEXT,
    headerOptions: FILE_HEADERS_ONLY,
  });
  // nothing in an object may steer the terminal
  return patch
    .trimEnd()
    .split('\n')
    .map(line => line.trimEnd().replaceAll(/\p{Cc}/gu, ' '));
}

function manifestOf({ apiVersion, kind, metadata, spec }: PolicyObject): Manifest {
  const { name, namespace, labels = {}, annotations = {} } = metadata;
  const { [KUBECTL_COPY]: _, ...told } = annotations;
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      namespace,
      ...(Object.keys(labels).length > 0 ? { labels } : {}),
      ...(Object.keys(told).length > 0 ? { annotations: told } : {}),
    },
    spec,
  };
}

function textOf(manifest: Manifest | undefined): string {
  return manifest ? dump(manifest, { lineWidth: -1, noRefs: true }) : '';
}
