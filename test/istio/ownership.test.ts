import assert from 'node:assert/strict';
import type { ObjectMeta } from '../../src/api/resource.ts';
import { managerOf } from '../../src/istio/ownership.ts';

type Marks = Omit<ObjectMeta, 'name'>;

const owner = { apiVersion: 'example.com/v1', kind: 'Tenant', name: 'shop', uid: 'u1' };
const written = (...managers: string[]): Marks => ({ managedFields: managers.map(manager => ({ manager })) });

const TABLE: [string, Marks, string | undefined][] = [
  ['nothing', {}, undefined],
  ['a person with kubectl', written('kubectl-client-side-apply', 'kubectl-edit', 'node-fetch'), undefined],
  ['labels that say nothing', { labels: { 'app.kubernetes.io/managed-by': 'jane', app: 'x' } }, undefined],
  ['a controller', { ownerReferences: [{ ...owner, controller: true }] }, 'Tenant shop'],
  ['an owner that does not control', { ownerReferences: [owner, { ...owner, controller: false }] }, undefined],
  ['Argo CD by label', { labels: { 'argocd.argoproj.io/instance': 'shop' } }, 'Argo CD application shop'],
  [
    'Argo CD by annotation',
    { annotations: { 'argocd.argoproj.io/tracking-id': 'shop:security.istio.io/PeerAuthentication:ns/default' } },
    'Argo CD application shop',
  ],
  [
    'Flux Kustomization',
    { labels: { 'kustomize.toolkit.fluxcd.io/name': 'apps', 'kustomize.toolkit.fluxcd.io/namespace': 'flux-system' } },
    'Flux Kustomization apps',
  ],
  [
    'Flux HelmRelease, before the Helm release it makes',
    {
      labels: { 'helm.toolkit.fluxcd.io/name': 'shop', 'app.kubernetes.io/managed-by': 'Helm' },
      annotations: { 'meta.helm.sh/release-name': 'shop-1' },
    },
    'Flux HelmRelease shop',
  ],
  [
    'Helm',
    { labels: { 'app.kubernetes.io/managed-by': 'Helm' }, annotations: { 'meta.helm.sh/release-name': 'shop' } },
    'Helm release shop',
  ],
  ['Helm without a release', { labels: { 'app.kubernetes.io/managed-by': 'Helm' } }, 'Helm'],
  ['kpt', { annotations: { 'config.k8s.io/owning-inventory': 'abc-1' } }, 'kpt inventory abc-1'],
  ['Config Sync', { annotations: { 'configmanagement.gke.io/managed': 'enabled' } }, 'Config Sync'],
  ['Config Sync that let go', { annotations: { 'configmanagement.gke.io/managed': 'disabled' } }, undefined],
  ['Argo CD by its writes', written('kubectl', 'argocd-controller'), 'Argo CD'],
  ['Flux by its writes', written('kustomize-controller'), 'Flux kustomize-controller'],
  ['Flux Helm by its writes', written('helm-controller'), 'Flux helm-controller'],
  ['a label named like a member of every object', { labels: { toString: 'x' } }, undefined],
];

describe('manager of an object', () => {
  for (const [name, marks, expected] of TABLE)
    it(name, () => assert.equal(managerOf({ metadata: { name: 'default', ...marks } }), expected));
});
