import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { APPLY, bench, MERGE, WIDGETS, widget } from './cluster.ts';

const RESOURCES = [
  [WIDGETS, 'example.com/v1', 'Widget'],
  ['/api/v1/namespaces', 'v1', 'Namespace'],
  ['/api/v1/namespaces/shop/pods', 'v1', 'Pod'],
  ['/api/v1/namespaces/shop/services', 'v1', 'Service'],
  ['/api/v1/namespaces/shop/events', 'v1', 'Event'],
  ['/apis/events.k8s.io/v1/namespaces/shop/events', 'events.k8s.io/v1', 'Event'],
  ['/apis/apps/v1/namespaces/shop/deployments', 'apps/v1', 'Deployment'],
  ['/apis/coordination.k8s.io/v1/namespaces/shop/leases', 'coordination.k8s.io/v1', 'Lease'],
  [
    '/apis/security.istio.io/v1beta1/namespaces/shop/peerauthentications',
    'security.istio.io/v1beta1',
    'PeerAuthentication',
  ],
  ['/apis/networking.istio.io/v1/namespaces/shop/destinationrules', 'networking.istio.io/v1', 'DestinationRule'],
  ['/apis/apiextensions.k8s.io/v1/customresourcedefinitions', 'apiextensions.k8s.io/v1', 'CustomResourceDefinition'],
  ['/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', 'authorization.k8s.io/v1', 'SelfSubjectAccessReview'],
] as const;

const value = fc.jsonValue({ maxDepth: 3 });
const rarely = (arbitrary: fc.Arbitrary<unknown>) =>
  fc.oneof({ weight: 8, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
const names = fc.oneof({ weight: 8, arbitrary: fc.constant('a') }, fc.constantFrom('shop', 'a.b', 'A', '', 5));
const definition = {
  group: fc.constant('g.example'),
  names: fc.oneof(fc.constant({ plural: 'a', kind: 'A' }), value),
  versions: fc.oneof(value, fc.array(fc.record({ name: value, served: value, storage: value, schema: value }))),
};
/** Objects that get past the first checks often enough to reach the later ones. */
const object = fc.record({
  metadata: fc.record({
    name: names,
    labels: rarely(value),
    annotations: rarely(value),
    finalizers: rarely(value),
    ownerReferences: rarely(value),
  }),
  spec: fc.option(
    fc.oneof(value, fc.record(definition), fc.record({ containers: value, ports: value, mtls: value, host: value })),
  ),
  status: fc.option(value),
  data: rarely(value),
  involvedObject: rarely(fc.oneof(value, fc.constant({ namespace: 'shop' }))),
});
const bodies = fc.oneof({ weight: 3, arbitrary: object }, { weight: 1, arbitrary: value });
const operations = fc.array(
  fc.record({
    op: fc.constantFrom('add', 'remove', 'replace', 'copy'),
    path: fc.constantFrom('/spec', '/spec/x', '/metadata/name', ''),
    value,
  }),
);
const patches = fc.oneof(
  fc.record({ type: fc.constantFrom(MERGE, APPLY, 'application/strategic-merge-patch+json'), patch: bodies }),
  fc.record({ type: fc.constant('application/json-patch+json'), patch: fc.oneof(operations, value) }),
);

describe('embedded server: bodies of every kind', () => {
  it('are taken or refused, never a fault of the server, and what was taken can be printed', async () => {
    let taken = 0;
    let asked = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...RESOURCES),
        bodies,
        bodies,
        patches,
        async (served, first, second, { type, patch }) => {
          const [path, apiVersion, kind] = served;
          const { clock, ask } = bench();
          const typed = (body: unknown) =>
            typeof body === 'object' && body !== null && !Array.isArray(body) ? { apiVersion, kind, ...body } : body;
          const applied = type === APPLY ? typed(patch) : patch;
          const answers = [
            await ask('POST', path, typed(first)),
            await ask('PUT', `${path}/a`, typed(second)),
            await ask('PATCH', `${path}/a`, applied, {
              contentType: type,
              query: { fieldManager: 'm', force: 'true' },
            }),
            await ask('GET', path, undefined, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }),
            await ask('DELETE', `${path}/a`, second),
          ];
          await clock.settle();
          for (const { body } of answers) assert.notEqual(body.reason, 'InternalError', body.message);
          const writes = answers.toSpliced(3, 1);
          asked += writes.length;
          taken += writes.filter(({ status }) => status < 300).length;
        },
      ),
      { numRuns: 500 },
    );
    assert.ok(taken > asked / 20, `only ${taken} of ${asked} writes were taken: too few to mean something`);
  });

  it('paths and queries of every kind are answered, too', async () => {
    const { ask } = bench();
    await ask('POST', WIDGETS, widget('a'));
    const word = fc.constantFrom(
      'api',
      'apis',
      'v1',
      'namespaces',
      'shop',
      'pods',
      'a',
      'status',
      '',
      '%zz',
      'example.com',
      'widgets',
      'openapi',
      'v3',
      '..',
    );
    const query = fc.dictionary(
      fc.constantFrom(
        'limit',
        'continue',
        'resourceVersion',
        'resourceVersionMatch',
        'labelSelector',
        'fieldSelector',
        'fieldValidation',
        'dryRun',
        'force',
      ),
      fc.oneof(fc.string(), fc.constantFrom('0', '1', 'All', 'Exact', 'a=b', 'a in (b)', 'metadata.name=a')),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(word, { maxLength: 8 }),
        query,
        fc.constantFrom('GET' as const, 'POST' as const, 'PATCH' as const),
        async (words, asked, method) => {
          const { status, body } = await ask(method, `/${words.join('/')}`, method === 'GET' ? undefined : {}, {
            query: asked,
          });
          assert.ok(status >= 200 && body.reason !== 'InternalError', body.message);
          const listed = await ask('GET', WIDGETS, undefined, { query: asked });
          assert.notEqual(listed.body.reason, 'InternalError', listed.body.message);
        },
      ),
      { numRuns: 400 },
    );
  });
});
