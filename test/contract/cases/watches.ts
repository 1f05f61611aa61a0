/** Watches: what they bring from where on, what selectors make of changes, and when a version is too old. */
import { collections, configMap, NAMESPACES, policy, widget } from '../objects.ts';
import type { Case, Script } from '../script.ts';

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

export const watches: Record<string, Case> = {
  'a watch continues from a version': async s => {
    const { policies } = collections(s.namespace);
    const made = await s.create(policies, policy('p', { mtls: { mode: 'PERMISSIVE' } }));
    await s.merge(`${policies}/p`, { spec: { mtls: { mode: 'STRICT' } } });
    await s.merge(`${policies}/p`, { spec: { mtls: { mode: 'STRICT' } } });
    await s.create(policies, policy('q', {}));
    const gone = await s.remove(`${policies}/p`);
    s.note('deletion answered', gone.status);
    const { resourceVersion } = made.body.metadata;
    const events = await s.watch(policies, { resourceVersion }, 3);
    const versions = events.map(({ object }) => BigInt(object.metadata.resourceVersion));
    s.note(
      'in the order of versions',
      versions.every((rv, i) => i === 0 || rv > versions[i - 1]!),
    );
    await s.watch(policies, { resourceVersion: versions.at(-2)!.toString() }, 1);
  },

  'a list and a watch join without a gap': async s => {
    const { widgets } = collections(s.namespace);
    await send(s, 'POST', widgets, widget('a'));
    const list = await s.get(widgets);
    await send(s, 'PATCH', `${widgets}/a`, { spec: { size: 2 } });
    await send(s, 'POST', widgets, widget('b'));
    await send(s, 'PATCH', `${widgets}/a/status`, { status: { phase: 'Busy' } });
    await s.watch(widgets, { resourceVersion: list.body.metadata.resourceVersion }, 3);
  },

  'a watch without a version begins with what is there': async s => {
    const { widgets, configMaps } = collections(s.namespace);
    await send(s, 'POST', widgets, widget('a'));
    await send(s, 'POST', widgets, widget('b'));
    await s.watch(widgets, {}, 2);
    await s.watch(widgets, { resourceVersion: '0' }, 2);
    await send(s, 'POST', configMaps, configMap('mine', { a: '1' }));
    await s.watch(configMaps, { fieldSelector: 'metadata.name=mine' }, 1);
  },

  'an object that leaves a selection is deleted from it': async s => {
    const { widgets } = collections(s.namespace);
    const list = await s.quietly({ method: 'GET', path: widgets });
    const { resourceVersion } = list.body.metadata;
    await send(s, 'POST', widgets, widget('a', { size: 1 }, { labels: { part: 'x' } }));
    await send(s, 'POST', widgets, widget('b'));
    await send(s, 'PATCH', `${widgets}/a`, { metadata: { labels: { part: null } } });
    await send(s, 'PATCH', `${widgets}/b`, { metadata: { labels: { part: 'x' } } });
    await send(s, 'PATCH', `${widgets}/b`, { spec: { size: 2 } });
    await send(s, 'DELETE', `${widgets}/b`);
    await s.watch(widgets, { resourceVersion, labelSelector: 'part=x' }, 5);
    await s.watch(widgets, { resourceVersion, fieldSelector: 'metadata.name=b' }, 4);
  },

  'a watch sees every namespace where none is named': async s => {
    const { widgets } = collections(s.namespace);
    const list = await s.quietly({ method: 'GET', path: '/apis/contract.test/v1/widgets' });
    const { resourceVersion } = list.body.metadata;
    await send(s, 'POST', widgets, widget('a', { size: 1 }, { labels: { case: 'everywhere' } }));
    await s.watch('/apis/contract.test/v1/widgets', { resourceVersion, labelSelector: 'case=everywhere' }, 1);
    const { resourceVersion: now } = (await s.quietly({ method: 'GET', path: NAMESPACES })).body.metadata;
    await send(s, 'PATCH', `${NAMESPACES}/${s.namespace}`, { metadata: { labels: { tier: 'core' } } });
    await s.watch(NAMESPACES, { resourceVersion: now, fieldSelector: `metadata.name=${s.namespace}` }, 1);
  },

  'a version too old is gone': async s => {
    const { widgets } = collections(s.namespace);
    await send(s, 'POST', widgets, widget('a'));
    await s.watch(widgets, { resourceVersion: '1' }, 2);
  },

  'a watch ends at its time, with a bookmark before': async s => {
    const { widgets } = collections(s.namespace);
    const list = await s.quietly({ method: 'GET', path: widgets });
    const { resourceVersion } = list.body.metadata;
    const query = { resourceVersion, allowWatchBookmarks: 'true', timeoutSeconds: '4' };
    const events = await s.quietWatch(widgets, query, async () => {
      // something newer that this watch does not see: only then has a bookmark anything to say
      const elsewhere = collections('default').widgets;
      await send(s, 'POST', elsewhere, widget(s.namespace));
      await send(s, 'DELETE', `${elsewhere}/${s.namespace}`);
    });
    s.note('what comes', [...new Set(events.map(({ type }) => type))]);
    s.note('of what kind', [...new Set(events.map(({ object }) => object['kind']))]);
    const newer = events.map(({ object }) => BigInt(object.metadata.resourceVersion) > BigInt(resourceVersion));
    s.note('newer than the list', newer.length > 0 && newer.every(Boolean));
    s.note('without bookmarks', await s.quietWatch(widgets, { resourceVersion, timeoutSeconds: '1' }));
  },

  'a table can be watched': async s => {
    const { widgets } = collections(s.namespace);
    await send(s, 'POST', widgets, widget('a'));
    await send(s, 'POST', widgets, widget('b'));
    await s.watch(widgets, {}, 2, TABLE);
  },
};

/** A change that leaves no trace of its own: the watch shows it. */
async function send(s: Script, method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<void> {
  const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const { status } = await s.quietly({ method, path, contentType, ...(body === undefined ? {} : { body }) });
  if (status >= 300) throw new Error(`${method} ${path} answered ${status}`);
}
