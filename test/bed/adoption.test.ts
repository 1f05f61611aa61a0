/**
 * Policies that are there already, in the place of the rollout's own, on a real API server: nobody's are taken over and
 * given back exactly, those that a tool looks after are left alone unless the author says otherwise.
 */
import assert from 'node:assert/strict';
import { ORIGINAL_ANNOTATION } from '../../src/api/resource.ts';
import type { SpecInput } from '../../src/api/schema.ts';
import { requestsOfOperator } from './audit.ts';
import { bedWithOperator } from './bed.ts';
import { namespaceObject } from './boutique.ts';
import { apply } from './boutiqueObjects.ts';
import {
  create,
  identity,
  patch,
  policiesIn,
  type Policy,
  policyPath,
  quick,
  remove,
  rolloutPath,
  untilHeld,
  untilPhase,
  untilStatus,
  userPolicy,
} from './rollouts.ts';

/** Specs of a namespace's policy that are below STRICT, as people write them. */
const UNMANAGED: Record<string, object> = {
  permissive: { mtls: { mode: 'PERMISSIVE' } },
  unset: { mtls: { mode: 'UNSET' } },
  empty: {},
  'no-mode': { mtls: {} },
  'empty-selector': { selector: { matchLabels: {} }, mtls: { mode: 'PERMISSIVE' } },
};
const TAGS = {
  labels: { team: 'shop', 'app.kubernetes.io/managed-by': 'kustomize' },
  annotations: { 'example.com/ticket': 'SEC-7', 'example.com/empty': '' },
};

/** How a tool marks what is its own, and how people know the tool. */
interface Owned {
  owner: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  /** Writes the policy by server-side apply under this name. */
  fieldManager?: string;
  /** Whether a controller's object owns it. */
  controlled?: boolean;
}

const OWNED: Record<string, Owned> = {
  'argo-id': {
    owner: 'Argo CD application shop',
    annotations: { 'argocd.argoproj.io/tracking-id': 'shop:security.istio.io/PeerAuthentication:argo-id/default' },
  },
  'argo-label': { owner: 'Argo CD application shop', labels: { 'argocd.argoproj.io/instance': 'shop' } },
  'flux-kustomization': {
    owner: 'Flux Kustomization mesh',
    labels: { 'kustomize.toolkit.fluxcd.io/name': 'mesh', 'kustomize.toolkit.fluxcd.io/namespace': 'flux-system' },
  },
  'flux-release': {
    owner: 'Flux HelmRelease mesh',
    labels: { 'helm.toolkit.fluxcd.io/name': 'mesh', 'helm.toolkit.fluxcd.io/namespace': 'flux-system' },
  },
  'helm-release': {
    owner: 'Helm release mesh',
    labels: { 'app.kubernetes.io/managed-by': 'Helm' },
    annotations: { 'meta.helm.sh/release-name': 'mesh', 'meta.helm.sh/release-namespace': 'infra' },
  },
  'helm-template': { owner: 'Helm', labels: { 'app.kubernetes.io/managed-by': 'Helm' } },
  kpt: { owner: 'kpt inventory 8f2c', annotations: { 'config.k8s.io/owning-inventory': '8f2c' } },
  'config-sync': { owner: 'Config Sync', annotations: { 'configmanagement.gke.io/managed': 'enabled' } },
  controlled: { owner: 'ConfigMap mesh-policies', controlled: true },
  'argo-applies': { owner: 'Argo CD', fieldManager: 'argocd-controller' },
  'flux-applies': { owner: 'Flux kustomize-controller', fieldManager: 'kustomize-controller' },
  'flux-helm-applies': { owner: 'Flux helm-controller', fieldManager: 'helm-controller' },
};

const inAll = (names: string[], does: (name: string) => Promise<unknown>) => Promise.all(names.map(does));

describe('policies that are there already, on a real API server', () => {
  const on = bedWithOperator();

  describe('which nobody but people looks after', () => {
    const names = Object.keys(UNMANAGED);
    const originals = new Map<string, Policy>();

    before(async () => {
      const { api } = on.bed;
      await inAll(names, async name => {
        await apply(api, namespaceObject(name, {}));
        originals.set(name, await userPolicy(api, name, 'default', UNMANAGED[name]!, TAGS));
        await begin(name);
      });
    });

    it('are patched, with their original beside them', async () => {
      await inAll(names, async name => {
        await untilPhase(on.bed.api, rolloutPath(name), 'Completed');
        const original = originals.get(name)!;
        const [now, ...others] = await policiesIn(on.bed.api, name);
        assert.deepEqual(others, [], name);
        assert.deepEqual(now!.spec, { ...original.spec, mtls: { mode: 'STRICT' } });
        assert.equal(now!.metadata.uid, original.metadata.uid);
        assert.deepEqual(now!.metadata.labels, original.metadata.labels);
        const kept = JSON.parse(now!.metadata.annotations![ORIGINAL_ANNOTATION]!) as { spec: object };
        assert.deepEqual(kept.spec, original.spec);
      });
    });

    it('are by mode Revert exactly what they were', () => reverted(names, originals));

    it('are left alone where spec.adopt is Never, which is said', async () => {
      const { api } = on.bed;
      const before = await policiesIn(api, 'permissive');
      await patch(api, rolloutPath('permissive'), { spec: { mode: 'Enforce', adopt: 'Never' } });
      const { status } = await untilHeld(api, rolloutPath('permissive'), 'Conflict');
      assert.match(
        status!.message!,
        /PeerAuthentication permissive\/default holds the slot of permissive and spec\.adopt is Never; set spec\.adopt to Unmanaged, or delete the policy/,
      );
      assert.deepEqual(await policiesIn(api, 'permissive'), before);
    });
  });

  describe('which a tool looks after', () => {
    const names = Object.keys(OWNED);
    const originals = new Map<string, Policy>();

    before(async () => {
      await inAll(names, async name => {
        await apply(on.bed.api, namespaceObject(name, {}));
        originals.set(name, await ownedPolicy(name, OWNED[name]!));
        await begin(name);
      });
    });

    for (const [name, { owner }] of Object.entries(OWNED))
      it(`${owner}, by ${name}: hold the rollout, which names policy, owner and way out`, async () => {
        const { status } = await untilHeld(on.bed.api, rolloutPath(name), 'Conflict');
        const said = `PeerAuthentication ${name}/default is managed by ${owner}, which would undo the step`;
        const advice = 'set the mode there, or set spec.adopt to Always';
        assert.ok(status!.message!.includes(`${said}; ${advice}`), status!.message);
        const hazard = status!.hazards?.find(({ code }) => code === 'Conflict');
        assert.equal(hazard?.object, `PeerAuthentication ${name}/default`);
        assert.equal(status!.summary?.waitingOn, 'Conflict');
        assert.deepEqual(await policiesIn(on.bed.api, name), [originals.get(name)], 'nothing is written');
      });

    it('are not written at all, as the API server itself tells', () => {
      const written = requestsOfOperator(on.bed.plane.folder).filter(
        ({ verb, resource, namespace = '' }) =>
          ['create', 'patch', 'update', 'delete'].includes(verb) &&
          resource === 'peerauthentications' &&
          names.includes(namespace),
      );
      assert.deepEqual(written, []);
    });

    it('are taken over where spec.adopt is Always', async () => {
      const { api } = on.bed;
      await inAll(names, async name => {
        await patch(api, rolloutPath(name), { spec: { adopt: 'Always' } });
        await untilPhase(api, rolloutPath(name), 'Completed');
        const [now, ...others] = await policiesIn(api, name);
        assert.deepEqual(others, [], name);
        assert.deepEqual(now!.spec, { mtls: { mode: 'STRICT' } });
        assert.equal(now!.metadata.uid, originals.get(name)!.metadata.uid);
      });
    });

    it('are then given back exactly, too', () => reverted(names, originals));
  });

  describe("which a user puts beside one of the rollout's, later", () => {
    it('do nothing, and the status says so until they are gone', async () => {
      const { api } = on.bed;
      const path = rolloutPath('shadow');
      await apply(api, namespaceObject('shadow', {}));
      await begin('shadow');
      await untilPhase(api, path, 'Completed');
      await userPolicy(api, 'shadow', 'our-own', { mtls: { mode: 'PERMISSIVE' } });
      const isShadow = ({ code }: { code: string }) => code === 'ShadowedPolicy';
      const told = await untilStatus(api, path, ({ hazards }) => hazards?.some(isShadow) === true, 'the shadow');
      assert.equal(told.status!.phase, 'Completed', 'Istio obeys the older one');
      const hazard = told.status!.hazards!.find(isShadow)!;
      assert.equal(hazard.object, 'PeerAuthentication shadow/our-own');
      assert.equal(hazard.severity, 'Warn');
      assert.match(
        hazard.message,
        /shadow\/our-own does nothing: PeerAuthentication shadow\/mtls-rollout.* is older in the same place/,
      );
      assert.match(hazard.fix!, /remove it; .*set spec.mode to Revert first/);
      await remove(api, policyPath('shadow', 'our-own'));
      await untilStatus(api, path, ({ hazards = [] }) => !hazards.some(isShadow), 'the shadow to be gone');
    });
  });

  function begin(name: string, rest: Partial<SpecInput> = {}): Promise<void> {
    return create(on.bed.api, name, quick([name], rest));
  }

  async function reverted(names: string[], originals: ReadonlyMap<string, Policy>): Promise<void> {
    const { api } = on.bed;
    await inAll(names, async name => {
      await patch(api, rolloutPath(name), { spec: { mode: 'Revert' } });
      await untilPhase(api, rolloutPath(name), 'Reverted');
      const [now, ...others] = await policiesIn(api, name);
      const original = originals.get(name)!;
      assert.deepEqual(others, [], name);
      assert.equal(JSON.stringify(now!.spec), JSON.stringify(original.spec), name);
      assert.deepEqual(identity(now!), identity(original));
    });
  }

  async function ownedPolicy(
    namespace: string,
    { labels, annotations, fieldManager, controlled }: Owned,
  ): Promise<Policy> {
    const { api } = on.bed;
    const spec = { mtls: { mode: 'PERMISSIVE' } };
    const marks = { ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) };
    if (fieldManager) await serverSideApply(namespace, fieldManager, spec);
    return userPolicy(api, namespace, 'default', spec, controlled ? await controllerOf(namespace) : marks);
  }

  /** As a tool writes; `userPolicy` then finds it there. */
  async function serverSideApply(namespace: string, fieldManager: string, spec: object): Promise<void> {
    const metadata = { namespace, name: 'default' };
    const { status, body } = await on.bed.api.call({
      method: 'PATCH',
      path: policyPath(namespace, 'default'),
      query: { fieldManager, force: 'true' },
      contentType: 'application/apply-patch+yaml',
      body: { apiVersion: 'security.istio.io/v1', kind: 'PeerAuthentication', metadata, spec },
    });
    assert.equal(status, 201, JSON.stringify(body));
  }

  /** The owner has to be there, or the garbage collector takes the policy away. */
  async function controllerOf(namespace: string) {
    const made = await apply(on.bed.api, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace, name: 'mesh-policies' },
    });
    const { apiVersion, kind, metadata } = made;
    return { ownerReferences: [{ apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true }] };
  }
});
