/** The manifests of `config`, as a cluster takes them: built by kubectl, accepted under Pod Security, and no right too many. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import type { ControlPlane } from './controlPlane.ts';
import { namespaceObject, ROOT_NAMESPACE } from './boutique.ts';
import { apply } from './boutiqueObjects.ts';
import { read } from './observe.ts';
import { controlPlaneFor } from './suite.ts';
import { waitFor } from './waiting.ts';

const CONFIG = join(import.meta.dirname, '../../config');
const OPERATOR_NAMESPACE = 'mtls-rollout-system';
const ACCOUNT = `system:serviceaccount:${OPERATOR_NAMESPACE}:mtls-rollout`;
const VERBS = [
  'get',
  'list',
  'watch',
  'create',
  'update',
  'patch',
  'delete',
  'deletecollection',
  'escalate',
  'bind',
  'impersonate',
];

/** Everything that the operator may do, by `group/resource`: in every namespace, or in one (behind the `@`). */
const RIGHTS: Record<string, string> = {
  'mtlsrollout.io/mtlsrollouts': 'get list watch patch',
  'mtlsrollout.io/mtlsrollouts/status': 'get update patch',
  'security.istio.io/peerauthentications': 'get list watch create patch delete',
  'networking.istio.io/destinationrules': 'get list watch create patch delete',
  '/namespaces': 'get list watch',
  '/services': 'get list watch',
  '/pods': 'list',
  'apps/deployments': 'list',
  'apps/statefulsets': 'list',
  'apps/daemonsets': 'list',
  'events.k8s.io/events': 'create patch',
  'batch/jobs': 'list',
  'batch/cronjobs': 'list',
  'networking.k8s.io/ingresses': 'list',
  'networking.k8s.io/ingressclasses': 'list',
  'networking.k8s.io/networkpolicies': 'list',
  'admissionregistration.k8s.io/validatingwebhookconfigurations': 'list',
  'admissionregistration.k8s.io/mutatingwebhookconfigurations': 'list',
  'apiextensions.k8s.io/customresourcedefinitions': 'list',
  'apiregistration.k8s.io/apiservices': 'list',
  'security.istio.io/authorizationpolicies': 'list',
  'networking.istio.io/sidecars': 'list',
  'networking.istio.io/serviceentries': 'list',
  'networking.istio.io/workloadentries': 'list',
  [`/configmaps@${ROOT_NAMESPACE}`]: 'list',
  [`coordination.k8s.io/leases@${OPERATOR_NAMESPACE}`]: 'create',
};
/** What it may do with objects of one name only. */
const NAMED_RIGHTS: [string, string, string, string][] = [
  ['coordination.k8s.io/leases', OPERATOR_NAMESPACE, 'mtls-rollout', 'get update patch'],
  ['/configmaps', OPERATOR_NAMESPACE, 'mtls-rollout-freeze', 'list watch'],
  ...[
    'mtlsrollouts.mtlsrollout.io',
    'peerauthentications.security.istio.io',
    'destinationrules.networking.istio.io',
  ].map((name): [string, string, string, string] => [
    'apiextensions.k8s.io/customresourcedefinitions',
    '',
    name,
    'get',
  ]),
];

interface Built {
  kind: string;
  metadata: { name: string; namespace?: string };
  [field: string]: unknown;
}

describe('the deployment on a real API server', () => {
  let plane: ControlPlane | undefined;

  before(async function () {
    plane = await controlPlaneFor(this);
    await plane.applyIstioCrds();
    for (const name of [ROOT_NAMESPACE, OPERATOR_NAMESPACE]) await apply(plane.admin, namespaceObject(name, {}));
  });
  after(() => plane?.stop());

  it('is built by kubectl, and every object of it is accepted', async () => {
    const { stdout: yaml } = await plane!.kubectl(['kustomize', join(CONFIG, 'default')]);
    const objects = loadAll(yaml) as Built[];
    const kinds = objects.map(({ kind }) => kind);
    for (const kind of [
      'CustomResourceDefinition',
      'Namespace',
      'ServiceAccount',
      'ClusterRole',
      'ConfigMap',
      'Deployment',
    ])
      assert.ok(kinds.includes(kind), `${kind} is not in it`);
    const dryRun = [
      'apply',
      '--server-side',
      '--force-conflicts',
      '--dry-run=server',
      '--validate=strict',
      '-f',
      '-',
      '-o',
      'name',
    ];
    const { stdout, stderr } = await plane!.kubectl(dryRun, { input: yaml });
    assert.equal(stdout.trim().split('\n').length, objects.length);
    assert.equal(stderr, '', 'no warning either');
  });

  it('is installed by the one command of the documentation', async () => {
    const { stdout } = await plane!.kubectl(['apply', '-k', join(CONFIG, 'default')]);
    assert.match(stdout, /deployment.apps\/mtls-rollout created/);
  });

  it('has samples that are accepted', async () => {
    const { stdout: yaml } = await plane!.kubectl(['kustomize', join(CONFIG, 'samples')]);
    for (const { metadata } of loadAll(yaml) as Built[])
      await apply(plane!.admin, namespaceObject(metadata.namespace!, {}));
    const { stdout } = await plane!.kubectl(['apply', '--dry-run=server', '-f', '-', '-o', 'name'], { input: yaml });
    assert.deepEqual(stdout.trim().split('\n').sort(), [
      'mtlsrollout.mtlsrollout.io/online-boutique',
      'mtlsrollout.mtlsrollout.io/shop',
    ]);
  });

  it('runs pods that Pod Security "restricted" lets in, and a root pod it does not', async () => {
    const { admin } = plane!;
    const path = `/apis/apps/v1/namespaces/${OPERATOR_NAMESPACE}/deployments/mtls-rollout`;
    const { spec } = (await read<{ spec: { template: { spec: Record<string, unknown> } } }>(admin, path))!;
    const pod = (of: object) =>
      admin.call({
        method: 'POST',
        path: `/api/v1/namespaces/${OPERATOR_NAMESPACE}/pods`,
        query: { dryRun: 'All' },
        body: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'trial' }, spec: of },
      });
    const accepted = await pod(spec.template.spec);
    assert.equal(accepted.status, 201, JSON.stringify(accepted.body));
    const refused = await pod({ ...spec.template.spec, securityContext: { runAsUser: 0 } });
    assert.equal(refused.status, 403);
    assert.match(JSON.stringify(refused.body), /violates PodSecurity \\"restricted/);
  });

  it('gives its ServiceAccount the rights that it says, and none beside them', async () => {
    const found = new Set<string>();
    const resources = await everyResource(plane!);
    const namespaces = [OPERATOR_NAMESPACE, ROOT_NAMESPACE, 'default', 'kube-system'];
    for (const { group, resource, namespaced } of resources)
      for (const namespace of namespaced ? namespaces : [''])
        for (const verb of VERBS) {
          const [plural = '', subresource] = resource.split('/');
          const asked = {
            group,
            resource: plural,
            verb,
            ...(namespace ? { namespace } : {}),
            ...(subresource ? { subresource } : {}),
          };
          if (await may(plane!, asked)) found.add(`${verb} ${group}/${resource}@${namespace}`);
        }
    const wanted = Object.entries(RIGHTS).flatMap(([key, verbs]) => {
      const [name = '', only] = key.split('@');
      const isNamespaced = resources.some(
        ({ group, resource, namespaced }) => `${group}/${resource}` === name && namespaced,
      );
      const where = only === undefined ? (isNamespaced ? namespaces : ['']) : [only];
      return where.flatMap(namespace => verbs.split(' ').map(verb => `${verb} ${name}@${namespace}`));
    });
    assert.deepEqual([...found].sort(), wanted.sort());
    console.log(`      ${resources.length} resources, ${found.size} rights`);
  });

  it('gives rights on single objects by name, and on no other of their kind', async () => {
    for (const [key, namespace, name, verbs] of NAMED_RIGHTS) {
      const [group = '', resource = ''] = key.split('/');
      for (const verb of VERBS) {
        const asked = { group, resource, verb, ...(namespace ? { namespace } : {}) };
        const isFree = isGivenForAll(key, namespace, verb);
        assert.equal(
          await may(plane!, { ...asked, name }),
          isFree || verbs.split(' ').includes(verb),
          `${verb} ${key} ${name}`,
        );
        assert.equal(await may(plane!, { ...asked, name: 'another' }), isFree, `${verb} ${key} another`);
      }
    }
  });

  it('gives what policies in dry run need by a role of its own, and nothing with it', async () => {
    const asked = { group: 'security.istio.io', resource: 'authorizationpolicies', namespace: 'default' };
    const allowed = async () => {
      const answers = await Promise.all(VERBS.map(verb => may(plane!, { ...asked, verb })));
      return VERBS.filter((_, index) => answers[index]).join(' ');
    };
    assert.equal(await allowed(), 'list');
    await plane!.kubectl(['apply', '-f', join(CONFIG, 'rbac/shadow.yaml')]);
    await waitFor(async () => (await allowed()) === 'list create delete', 'the rights of the role', 10_000);
    await plane!.kubectl(['delete', '-f', join(CONFIG, 'rbac/shadow.yaml')]);
  });

  it('gives no right on paths outside the API', async () => {
    for (const path of ['/metrics', '/logs', '/debug/pprof'])
      assert.equal(await reviewed(plane!, { nonResourceAttributes: { path, verb: 'get' } }), false, path);
  });
});

/** Whether a verb is in RIGHTS, so that it needs no name. */
function isGivenForAll(key: string, namespace: string, verb: string): boolean {
  const verbs = RIGHTS[namespace ? `${key}@${namespace}` : key] ?? '';
  return verbs.split(' ').includes(verb);
}

interface Found {
  group: string;
  /** With its subresource, as `pods/log`. */
  resource: string;
  namespaced: boolean;
}

/** Every resource that the API server serves in its preferred version, subresources included. */
async function everyResource({ admin }: ControlPlane): Promise<Found[]> {
  const { groups } = (await read<{ groups: { name: string; preferredVersion: { groupVersion: string } }[] }>(
    admin,
    '/apis',
  ))!;
  const lists = [
    { group: '', path: '/api/v1' },
    ...groups.map(({ name, preferredVersion }) => ({ group: name, path: `/apis/${preferredVersion.groupVersion}` })),
  ];
  const found = await Promise.all(
    lists.map(async ({ group, path }) => {
      const { resources } = (await read<{ resources: { name: string; namespaced: boolean }[] }>(admin, path))!;
      return resources.map(({ name, namespaced }) => ({ group, resource: name, namespaced }));
    }),
  );
  // what everybody may do with reviews of himself is no right of the operator
  return found.flat().filter(({ resource }) => !resource.startsWith('selfsubject'));
}

function may(plane: ControlPlane, resourceAttributes: Record<string, string>): Promise<boolean> {
  return reviewed(plane, { resourceAttributes });
}

async function reviewed({ admin }: ControlPlane, attributes: object): Promise<boolean> {
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${OPERATOR_NAMESPACE}`, 'system:authenticated'];
  const answer = await admin.call({
    method: 'POST',
    path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: { user: ACCOUNT, groups, ...attributes },
    },
  });
  return (answer.body as { status: { allowed: boolean } }).status.allowed;
}
