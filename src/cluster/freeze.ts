/** The ConfigMap that freezes the cluster, as the gate reads it. Whatever is in it: that it is there freezes. */
import { isTime } from '../api/schema/schedule.ts';
import { fieldsOf, textOf, timeOf } from '../istio/fields.ts';
import type { Freeze } from '../rollout/gates/freeze.ts';
import { oneLine } from '../rollout/text.ts';
import type { KubeObject } from './resource.ts';

/** Room in a message for who, when and what lifts it. */
const LONGEST_REASON = 256;

/** Never throws: an object that cannot be read would be taken for none. */
export function projectFreeze({ metadata, data }: KubeObject): Freeze {
  const { reason, until } = fieldsOf(data);
  return {
    namespace: metadata.namespace ?? '',
    reason: oneLine(textOf(reason), LONGEST_REASON),
    since: timeOf(metadata['creationTimestamp']) ?? 0,
    ...(until === undefined ? {} : { until: endOf(textOf(until).trim()) }),
  };
}

function endOf(text: string): number | 'Damaged' {
  return isTime(text) ? Date.parse(text) : 'Damaged';
}
