/** What Istio's rules make of the policies that are in the cluster now. */
import type { Transport } from '../../../src/cluster/transport.ts';
import { effectiveModes } from '../../../src/istio/effectiveMode.ts';
import type { Mode } from '../../../src/istio/objects.ts';
import { policiesOf } from '../../../src/istio/policies.ts';
import { readAll } from '../observe.ts';
import { POLICIES, type Policy } from '../rollouts.ts';
import { ISTIO_NAMESPACE } from './istiod.ts';

/** The mode of a namespace as a whole. */
export async function effectiveModeOf(api: Transport, namespace: string): Promise<Mode> {
  const policies = policiesOf(await readAll<Policy>(api, POLICIES));
  return effectiveModes(policies, ISTIO_NAMESPACE, namespace, {}).workload.mode;
}
