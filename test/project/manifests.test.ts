import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadAll } from 'js-yaml';
import { parseRollout } from '../../src/api/validate.ts';
import { INVENTORY_KINDS } from '../../src/istio/inventory/kinds.ts';
import { loadSettings } from '../../src/operator/settings.ts';

interface Rule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

/** A manifest as far as these tests look into it. */
interface Manifest {
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  resources?: string[];
  rules?: Rule[];
}

const files = readdirSync('config', { recursive: true, encoding: 'utf8' })
  .filter(file => file.endsWith('.yaml'))
  .map(file => join('config', file));
/** Not part of the installation: for whoever asks for what needs it. */
const OPTIONAL = ['jobs.yaml', 'shadow.yaml'].map(file => join('config', 'rbac', file));
const read = (file: string) => loadAll(readFileSync(file, 'utf8')) as Manifest[];
const manifests = files.filter(file => !/settings|kustomization/.test(file)).flatMap(read);
const rulesOf = (these: readonly Manifest[]) =>
  these.flatMap(({ kind, metadata, rules: own = [] }) =>
    own.map(rule => ({ role: `${kind} ${metadata.name}`, ...rule })),
  );
const rules = rulesOf(manifests);
const optional = rulesOf(OPTIONAL.flatMap(read));

describe('manifests', () => {
  it('are all reached by kustomize', () => {
    const reached = new Set<string>();
    const follow = (folder: string) => {
      const file = join(folder, 'kustomization.yaml');
      reached.add(file);
      for (const resource of read(file)[0]!.resources!) {
        const path = join(folder, resource);
        assert.ok(existsSync(path), `${file} names ${resource}`);
        if (path.endsWith('.yaml')) reached.add(path);
        else follow(path);
      }
    };
    follow('config/default');
    follow('config/samples');
    assert.deepEqual(
      files.filter(file => !reached.has(file) && !file.endsWith('settings.yaml')),
      OPTIONAL,
    );
    assert.ok(reached.has(join('crds', 'mtlsrollout.io_mtlsrollouts.yaml')));
  });

  it('hold settings that the operator accepts', () => {
    const result = loadSettings(readFileSync('config/manager/settings.yaml', 'utf8'), []);
    assert.ok('settings' in result, JSON.stringify(result));
  });

  it('hold samples that are valid', () => {
    for (const file of files.filter(
      path => dirname(path) === join('config', 'samples') && !path.endsWith('kustomization.yaml'),
    )) {
      for (const sample of read(file)) {
        const metadata = { ...sample.metadata, uid: 'u', generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' };
        const result = parseRollout({ ...sample, metadata });
        assert.ok(!('problems' in result), `${file}: ${JSON.stringify(result)}`);
      }
    }
  });
});

describe('permissions', () => {
  it('have no wildcard, no Secret, and nothing that hands on rights', () => {
    assert.ok(rules.length > 0);
    for (const rule of rules) {
      assert.ok(![...rule.apiGroups, ...rule.resources, ...rule.verbs].some(word => word.includes('*')), rule.role);
      assert.ok(
        !rule.resources.some(resource => resource.startsWith('secrets') || resource.includes('rolebindings')),
        rule.role,
      );
      assert.ok(
        !rule.verbs.some(verb => ['escalate', 'bind', 'impersonate', 'deletecollection'].includes(verb)),
        rule.role,
      );
    }
  });

  it('write policies, own status and finalizer, events and the lease, and nothing else', () => {
    const installed = rules.filter(({ role }) => !optional.some(rule => rule.role === role));
    const writes = installed
      .filter(rule => rule.verbs.some(verb => !['get', 'list', 'watch'].includes(verb)))
      .flatMap(rule =>
        rule.resources.map(
          resource => `${resource}: ${rule.verbs.filter(verb => !['get', 'list', 'watch'].includes(verb)).join(' ')}`,
        ),
      );
    assert.deepEqual([...new Set(writes)].sort(), [
      'destinationrules: create patch delete',
      'events: create patch',
      'leases: create',
      'leases: update patch',
      'mtlsrollouts/status: update patch',
      'mtlsrollouts: patch',
      'peerauthentications: create patch delete',
    ]);
  });

  it('let Jobs and policies in dry run be made and deleted where somebody asks for that, and never changed', () => {
    const given = optional.map(({ resources, verbs }) => [...resources, ...verbs].join(' '));
    assert.deepEqual(given, ['cronjobs get', 'jobs get create delete', 'authorizationpolicies list create delete']);
  });

  it('reach the ConfigMaps of the control plane and the one that freezes only, and let every kind of an inventory be listed', () => {
    const reading = rules.filter(({ resources }) => resources.includes('configmaps'));
    assert.deepEqual(
      reading.map(({ role, verbs }) => [role, ...verbs]),
      [
        ['Role mtls-rollout-freeze', 'list', 'watch'],
        ['Role mtls-rollout-mesh-config', 'list'],
      ],
    );
    const missing = INVENTORY_KINDS.filter(
      ({ group, plural }) =>
        !rules.some(
          ({ apiGroups, resources, verbs, resourceNames }) =>
            !resourceNames && apiGroups.includes(group) && resources.includes(plural) && verbs.includes('list'),
        ),
    );
    assert.deepEqual(missing, []);
  });
});

describe('the operator pod', () => {
  interface Pod {
    securityContext: Record<string, unknown>;
    containers: {
      securityContext: Record<string, unknown>;
      args: string[];
      resources: { limits: object; requests: object };
    }[];
    hostNetwork?: boolean;
  }
  const deployment = manifests.find(({ kind }) => kind === 'Deployment') as unknown as {
    spec: { template: { spec: Pod } };
  };
  const pod = deployment.spec.template.spec;

  it('meets the restricted Pod Security Standard, which its namespace enforces', () => {
    const namespace = manifests.find(({ kind }) => kind === 'Namespace')!;
    assert.equal(namespace.metadata.labels!['pod-security.kubernetes.io/enforce'], 'restricted');
    const { runAsNonRoot, runAsUser, seccompProfile } = pod.securityContext;
    assert.deepEqual(
      { runAsNonRoot, seccompProfile },
      { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    );
    assert.ok(Number(runAsUser) >= 10_000);
    for (const { securityContext, resources } of pod.containers) {
      assert.deepEqual(securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      assert.ok('memory' in resources.limits && 'memory' in resources.requests);
    }
  });

  it('starts with flags that the operator knows', () => {
    for (const { args } of pod.containers) assert.ok('settings' in loadSettings(undefined, args));
  });
});
