/**
 * Clusters differ in the versions of Istio's API that they serve. With v1 alone, as one day everywhere, and with v1beta1
 * alone, as before Istio 1.22, a rollout completes, writes in the version that is there, and reverts.
 */
import assert from 'node:assert/strict';
import { requestsOfOperator } from './audit.ts';
import { type Bed, bedFor } from './bed.ts';
import { namespaceObject } from './boutique.ts';
import { apply } from './boutiqueObjects.ts';
import { read, readAll, type Seen } from './observe.ts';
import { create, patch, type Policy, quick, rolloutPath, untilPhase } from './rollouts.ts';
import { waitFor } from './waiting.ts';

const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
/** Of these groups an operator reads or writes something. */
const GROUPS = ['security.istio.io', 'networking.istio.io'];

type Definition = Seen & {
  spec: { group: string; names: { plural: string }; versions: { name: string; served: boolean }[] };
};

describe("a rollout on a real API server that serves of Istio's versions", () => {
  let bed: Bed | undefined;

  before(async function () {
    bed = await bedFor(this);
  });
  after(() => bed?.stop());

  for (const only of ['v1', 'v1beta1'])
    it(`only ${only} completes, in that version, and reverts`, async () => {
      const { api } = bed!;
      const [own, empty] = [`own-${only}`, `empty-${only}`];
      for (const name of [own, empty]) await apply(api, namespaceObject(name, {}));
      await serveOnly(only);
      const spec = { mtls: { mode: 'PERMISSIVE' } };
      const metadata = { namespace: own, name: 'default' };
      await apply(api, { apiVersion: `security.istio.io/${only}`, kind: 'PeerAuthentication', metadata, spec });
      const operator = await bed!.startOperator({}, `operator-${only}`);
      const path = rolloutPath(only);
      await create(api, only, quick([own, empty]));
      await untilPhase(api, path, 'Completed');

      for (const [namespace, name] of [
        [own, 'default'],
        [empty, 'mtls-rollout'],
      ] as const) {
        const [policy, ...others] = await policies(only, namespace);
        assert.deepEqual(others, []);
        assert.equal(policy!.metadata.name, name);
        assert.equal(policy!.apiVersion, `security.istio.io/${only}`);
        assert.deepEqual(policy!.spec, { mtls: { mode: 'STRICT' } });
        const ours = policy!.metadata.managedFields?.filter(({ manager }) => manager === 'mtls-rollout') ?? [];
        assert.deepEqual(
          ours.map(entry => (entry as { apiVersion?: string }).apiVersion),
          [`security.istio.io/${only}`],
        );
      }
      await patch(api, path, { spec: { mode: 'Revert' } });
      await untilPhase(api, path, 'Reverted');
      assert.deepEqual(await policies(only, empty), []);
      const [back] = await policies(only, own);
      assert.deepEqual([back!.spec, back!.metadata.annotations], [spec, undefined]);
      assert.equal(await operator.stop(), 0);
      const refused = requestsOfOperator(bed!.plane.folder).filter(({ code }) => code === 401 || code === 403);
      assert.deepEqual(refused, []);
    });

  function policies(version: string, namespace: string): Promise<(Policy & Seen)[]> {
    return readAll(bed!.api, `/apis/security.istio.io/${version}/namespaces/${namespace}/peerauthentications`);
  }

  /** Of the resources that have this version, no other is served any more. */
  async function serveOnly(only: string): Promise<void> {
    const { api } = bed!;
    const definitions = await readAll<Definition>(api, DEFINITIONS);
    for (const { metadata, spec } of definitions) {
      const names = spec.versions.map(({ name }) => name);
      if (!GROUPS.includes(spec.group) || !names.includes(only) || names.length === 1) continue;
      const versions = spec.versions.map(version => ({ ...version, served: version.name === only }));
      await patch(api, `${DEFINITIONS}/${metadata.name}`, { spec: { versions } });
    }
    for (const version of ['v1', 'v1beta1'])
      await waitFor(
        async () => {
          const collection = await read(api, `/apis/security.istio.io/${version}/peerauthentications`);
          return (collection !== undefined) === (version === only);
        },
        `${only} to be all that is served`,
        30_000,
      );
  }
});
