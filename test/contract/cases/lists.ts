/** Lists: pages, selectors, and tables as kubectl asks for them. */
import { collections, configMap, lease, policy, rollout, widget } from '../objects.ts';
import type { Case, Script } from '../script.ts';

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

export const lists: Record<string, Case> = {
  'a list comes in pages': async s => {
    const { widgets } = collections(s.namespace);
    for (const name of ['e', 'b', 'd', 'a', 'c']) await quietWidget(s, name);
    const first = await s.get(widgets, { limit: '2' });
    const second = await s.get(widgets, { limit: '2', continue: first.body.metadata.continue });
    await quietWidget(s, 'f');
    await s.get(widgets, { limit: '2', continue: second.body.metadata.continue });
    await s.get(widgets, { limit: '5' });
    const nonsense = await s.quietly({ method: 'GET', path: widgets, query: { limit: '2', continue: 'nonsense' } });
    s.note('a page token that is none', [nonsense.status, nonsense.body['reason']]);
    await s.get(widgets, { limit: '2', labelSelector: 'absent' });
  },

  'a version that is none is refused': async s => {
    const { widgets } = collections(s.namespace);
    await s.get(widgets, { resourceVersion: 'abc' });
  },

  'an empty list is a list': async s => {
    const { widgets, policies, leases } = collections(s.namespace);
    await s.get(widgets);
    await s.get(policies, { resourceVersion: '0' });
    await s.get(leases);
    await s.get(collections(`${s.namespace}-missing`).widgets);
  },

  'labels select': async s => {
    const { widgets } = collections(s.namespace);
    await quietWidget(s, 'a', { tier: 'core', team: 'x' });
    await quietWidget(s, 'b', { tier: 'leaf' });
    await quietWidget(s, 'c', {});
    const selectors = [
      'tier=core',
      'tier==core,team=x',
      'tier!=core',
      'tier in (core,leaf)',
      'tier notin (core)',
      'tier',
      '!tier',
      'tier in (core), !team',
    ];
    for (const labelSelector of selectors) {
      const { body } = await s.quietly({ method: 'GET', path: widgets, query: { labelSelector } });
      s.note(
        labelSelector,
        body.items?.map(({ metadata }) => metadata.name),
      );
    }
    for (const labelSelector of ['tier=(', 'not a label', 'tier in core']) {
      const { status, body } = await s.quietly({ method: 'GET', path: widgets, query: { labelSelector } });
      s.note(labelSelector, [status, body['reason']]);
    }
  },

  'fields select': async s => {
    const { widgets, configMaps, pods } = collections(s.namespace);
    await quietWidget(s, 'a');
    await quietWidget(s, 'b');
    await s.quietly({ method: 'POST', path: configMaps, body: configMap('c', {}) });
    const looks: [string, string][] = [
      [widgets, 'metadata.name=a'],
      [widgets, `metadata.namespace=${s.namespace}`],
      [widgets, 'metadata.name!=a'],
      [widgets, 'metadata.name=a,metadata.namespace=elsewhere'],
      [configMaps, 'metadata.name=c'],
      [pods, 'spec.nodeName=n,status.phase!=Succeeded'],
    ];
    for (const [path, fieldSelector] of looks) {
      const { body } = await s.quietly({ method: 'GET', path, query: { fieldSelector } });
      s.note(
        `${path}?${fieldSelector}`,
        body.items?.map(({ metadata }) => metadata.name),
      );
    }
    await s.get(widgets, { fieldSelector: 'spec.size=1' });
  },

  'a list over all namespaces': async s => {
    await quietWidget(s, 'a', { contract: 'all' });
    await s.get('/apis/contract.test/v1/widgets', { labelSelector: 'contract=all' });
  },

  'a table has the columns of the CRD': async s => {
    const { widgets, policies } = collections(s.namespace);
    await quietWidget(s, 'a');
    await quietWidget(s, 'b');
    await s.quietly({
      method: 'PATCH',
      path: `${widgets}/a/status`,
      contentType: 'application/merge-patch+json',
      body: { status: { phase: 'Busy', conditions: [{ type: 'Ready', status: 'True' }] } },
    });
    await s.get(widgets, {}, TABLE);
    await s.get(`${widgets}/a`, { includeObject: 'None' }, TABLE);
    await s.get(widgets, { includeObject: 'Object' }, TABLE);
    await s.quietly({ method: 'POST', path: policies, body: policy('p', { mtls: { mode: 'STRICT' } }) });
    await s.get(policies, {}, TABLE);
    await s.get(`${widgets}/none`, {}, TABLE);
  },

  'built-in kinds have tables of their own': async s => {
    const { configMaps, leases } = collections(s.namespace);
    await s.get(`/api/v1/namespaces/${s.namespace}`, { includeObject: 'None' }, TABLE);
    await s.quietly({ method: 'POST', path: configMaps, body: configMap('c', { a: '1', b: '2' }) });
    await s.get(configMaps, { includeObject: 'None', fieldSelector: 'metadata.name=c' }, TABLE);
    await s.quietly({ method: 'POST', path: leases, body: lease('l', { holderIdentity: 'me' }) });
    await s.get(leases, { includeObject: 'None' }, TABLE);
  },

  'rollouts show where they stand': async s => {
    const { rollouts } = collections(s.namespace);
    await s.quietly({ method: 'POST', path: rollouts, body: rollout('r', { target: { namespace: {} } }) });
    await s.quietly({
      method: 'PATCH',
      path: `${rollouts}/r/status`,
      contentType: 'application/merge-patch+json',
      body: { status: { phase: 'Soaking', summary: { step: '3/7', strict: '12/40', waitingOn: 'soak' } } },
    });
    await s.get(rollouts, { includeObject: 'None' }, TABLE);
  },
};

async function quietWidget(s: Script, name: string, labels: Record<string, string> = {}): Promise<void> {
  const { widgets } = collections(s.namespace);
  await s.quietly({ method: 'POST', path: widgets, body: widget(name, { size: 1 }, { labels }) });
}
