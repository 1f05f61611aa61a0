/** Create, read, replace and delete, for every kind the operator touches. */
import { collections, lease, NAMESPACES, namespaceObject, policy, rollout, rule, widget } from '../objects.ts';
import type { Case } from '../script.ts';

const JSON_PATCH = 'application/json-patch+json';

export const objects: Record<string, Case> = {
  'a PeerAuthentication lives and dies': async s => {
    const { policies } = collections(s.namespace);
    const made = await s.create(policies, policy('p', { mtls: { mode: 'PERMISSIVE' } }, { labels: { a: 'b' } }));
    await s.get(`${policies}/p`);
    const { metadata } = made.body;
    await s.replace(`${policies}/p`, policy('p', { mtls: { mode: 'STRICT' } }, { ...metadata, labels: { a: 'c' } }));
    await s.remove(`${policies}/p`);
    await s.get(`${policies}/p`);
    await s.remove(`${policies}/p`);
  },

  'both served versions show one object': async s => {
    const { policies, oldPolicies } = collections(s.namespace);
    await s.create(policies, policy('p', { mtls: { mode: 'STRICT' } }));
    await s.get(`${oldPolicies}/p`);
    await s.merge(`${oldPolicies}/p`, { spec: { mtls: { mode: 'PERMISSIVE' } } });
    await s.get(`${policies}/p`);
  },

  'a DestinationRule keeps fields nobody here knows': async s => {
    const { rules } = collections(s.namespace);
    const trafficPolicy = {
      tls: { mode: 'ISTIO_MUTUAL' },
      connectionPool: { tcp: { maxConnections: 5 } },
      portLevelSettings: [{ port: { number: 80 }, tls: { mode: 'DISABLE' } }],
    };
    await s.create(rules, rule('d', { host: 'cart.shop.svc.cluster.local', trafficPolicy, subsets: [{ name: 'v1' }] }));
    await s.merge(`${rules}/d`, { spec: { trafficPolicy: { tls: null } } });
    await s.remove(`${rules}/d`);
  },

  'a Namespace has its name as a label': async s => {
    const name = `${s.namespace}-x`;
    await s.create(NAMESPACES, namespaceObject(name, { labels: { team: 'shop' } }));
    await s.merge(`${NAMESPACES}/${name}`, { metadata: { labels: { team: null, tier: 'core' } } });
    await s.create(NAMESPACES, namespaceObject(name));
    await s.create(NAMESPACES, namespaceObject('Not_A_Name'));
  },

  'a Lease is replaced only by who has seen the newest': async s => {
    const { leases } = collections(s.namespace);
    const spec = { holderIdentity: 'a', leaseDurationSeconds: 15, renewTime: '2026-01-01T00:00:00.000000Z' };
    const first = await s.create(leases, lease('l', { ...spec, leaseTransitions: 0 }));
    const { resourceVersion } = first.body.metadata;
    const mine = { ...spec, holderIdentity: 'b', renewTime: '2026-01-01T00:00:02.500000Z', leaseTransitions: 1 };
    await s.replace(`${leases}/l`, lease('l', mine, { resourceVersion }));
    await s.replace(`${leases}/l`, lease('l', spec, { resourceVersion }));
    await s.get(`${leases}/l`);
  },

  'an Event is accepted as client-go writes it': async s => {
    const { events } = collections(s.namespace);
    const involvedObject = { apiVersion: 'mtlsrollout.io/v1alpha1', kind: 'MtlsRollout', name: 'shop' };
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'shop.1' },
      involvedObject: { ...involvedObject, namespace: s.namespace },
      type: 'Normal',
      reason: 'StepBegan',
      message: 'wave leaf, step 1 of 7',
      source: { component: 'mtls-rollout' },
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:00:00Z',
      count: 1,
    };
    await s.create(events, event);
    await s.merge(`${events}/shop.1`, { count: 2, lastTimestamp: '2026-01-01T00:01:00Z' });
    await s.create(events, {
      ...event,
      metadata: { name: 'shop.2' },
      involvedObject: { ...involvedObject, namespace: 'other' },
    });
  },

  'an Event has a new face and an old one': async s => {
    const { events, newEvents } = collections(s.namespace);
    const regarding = { apiVersion: 'mtlsrollout.io/v1alpha1', kind: 'MtlsRollout', name: 'shop' };
    const event = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: 'shop.3' },
      eventTime: '2026-01-01T00:00:00.000000Z',
      reportingController: 'mtlsrollout.io/operator',
      reportingInstance: 'pod-1',
      action: 'Enforce',
      reason: 'StepBegan',
      type: 'Normal',
      regarding: { ...regarding, namespace: s.namespace },
      note: 'wave leaf, step 1 of 7',
    };
    await s.create(newEvents, event);
    const series = { count: 2, lastObservedTime: '2026-01-01T00:01:00.000000Z' };
    await s.merge(`${newEvents}/shop.3`, { series });
    await s.get(`${events}/shop.3`);
    await s.create(newEvents, { ...event, metadata: { name: 'shop.4' }, reportingInstance: undefined });
    await s.create(newEvents, { ...event, metadata: { name: 'shop.5' }, action: undefined });
  },

  'a MtlsRollout begins with generation 1 and without status': async s => {
    const { rollouts } = collections(s.namespace);
    const made = await s.quietly({
      method: 'POST',
      path: rollouts,
      body: { ...rollout('r', { target: { namespace: {} } }), status: { phase: 'Completed' } },
    });
    const { metadata, spec, status } = made.body as typeof made.body & { spec: Record<string, unknown> };
    s.note('created', made.status);
    s.note('generation', metadata.generation);
    s.note('status', status ?? 'none');
    s.note('mode by default', spec['mode']);
    await s.create(rollouts, rollout('none', { target: {} }));
    await s.create(rollouts, rollout('two', { target: { namespace: {}, mesh: {} } }));
    await s.create(rollouts, rollout('wrong', { target: { namespace: {} }, mode: 'Maybe' }));
    await s.create(
      rollouts,
      rollout('port', { target: { workloads: [{ name: 'a', selector: { matchLabels: { a: 'b' } }, ports: [0] }] } }),
    );
    await s.get(`${rollouts}/missing`);
  },

  'what cannot be created says why': async s => {
    const { widgets } = collections(s.namespace);
    await s.create(widgets, widget('w'));
    await s.create(widgets, widget('w'));
    await s.create(widgets, widget('Wrong_Name'));
    await s.create(widgets, { apiVersion: 'contract.test/v1', kind: 'Widget', metadata: {}, spec: { size: 1 } });
    await s.create(widgets, widget('versioned', { size: 1 }, { resourceVersion: '7' }));
    await s.create(widgets, widget('elsewhere', { size: 1 }, { namespace: 'elsewhere' }));
    await s.create(widgets, { ...widget('kind'), kind: 'Gadget' });
    await s.create(widgets, { ...widget('group'), apiVersion: 'other.test/v1' });
    await s.create(collections(`${s.namespace}-missing`).widgets, widget('w'));
    await s.create(collections(`${s.namespace}-missing`).leases, lease('l', {}));
    await s.create(widgets, widget('labelled', { size: 1 }, { labels: { 'not a label': 'x' } }));
  },

  'the server can make up the end of a name': async s => {
    const { widgets } = collections(s.namespace);
    const body = { ...widget(''), metadata: { generateName: 'made-' } };
    const made = await s.quietly({ method: 'POST', path: widgets, body });
    s.note('created', made.status);
    s.note('name has the prefix and five characters', /^made-[a-z0-9]{5}$/.test(made.body.metadata.name));
  },

  'a replacement needs a version and the right name': async s => {
    const { widgets } = collections(s.namespace);
    const made = await s.create(widgets, widget('w'));
    await s.replace(`${widgets}/w`, widget('w', { size: 2 }));
    await s.replace(`${widgets}/w`, widget('v', { size: 2 }, { resourceVersion: made.body.metadata.resourceVersion }));
    await s.replace(`${widgets}/w`, widget('w', { size: 2 }, { resourceVersion: '1' }));
    await s.replace(`${widgets}/none`, widget('none', { size: 2 }, { resourceVersion: '1' }));
    await s.replace(`${widgets}/w`, widget('w', { size: 1 }, { resourceVersion: made.body.metadata.resourceVersion }));
  },

  'a deletion can ask for the very object': async s => {
    const { policies } = collections(s.namespace);
    const made = await s.create(policies, policy('p', { mtls: { mode: 'STRICT' } }));
    const { uid, resourceVersion } = made.body.metadata;
    await s.merge(`${policies}/p`, { metadata: { labels: { touched: 'yes' } } });
    const options = (preconditions: object) => ({ apiVersion: 'v1', kind: 'DeleteOptions', preconditions });
    await s.remove(`${policies}/p`, options({ uid: '00000000-0000-4000-8000-000000000000' }));
    await s.remove(`${policies}/p`, options({ uid, resourceVersion }));
    await s.get(`${policies}/p`);
    await s.remove(`${policies}/p`, options({ uid }));
    await s.get(`${policies}/p`);
  },

  'a collection can be deleted by label': async s => {
    const { widgets } = collections(s.namespace);
    await s.create(widgets, widget('a', { size: 1 }, { labels: { part: 'x' } }));
    await s.create(widgets, widget('b', { size: 1 }, { labels: { part: 'y' } }));
    const answer = await s.quietly({ method: 'DELETE', path: widgets, query: { labelSelector: 'part=x' } });
    s.note('deleted', answer.status);
    s.note('left', (await names(s, widgets)).join(' '));
  },

  'paths and media types that lead nowhere': async s => {
    const { widgets } = collections(s.namespace);
    await s.get(`/apis/contract.test/v1/namespaces/${s.namespace}/gadgets`);
    await s.get('/apis/nothing.test/v1/things');
    await s.get('/api/v1/nothings');
    await s.create(widgets, widget('w'));
    await s.patch(`${widgets}/w`, { spec: { size: 2 } }, 'application/json');
    await s.patch(`${widgets}/w`, [{ op: 'replace', path: '/spec/size', value: 3 }], JSON_PATCH);
  },
};

async function names(s: Parameters<Case>[0], path: string): Promise<string[]> {
  const { body } = await s.quietly({ method: 'GET', path });
  return (body.items ?? []).map(({ metadata }) => metadata.name).sort();
}
