/** Merge patches, their preconditions, generation and the status subresource. */
import { collections, configMap, NAMESPACES, policy, rollout, widget } from '../objects.ts';
import type { Case } from '../script.ts';

const STRATEGIC = 'application/strategic-merge-patch+json';
const OTHER_UID = '00000000-0000-4000-8000-000000000000';

export const patches: Record<string, Case> = {
  'a merge patch sets, keeps and removes': async s => {
    const { policies } = collections(s.namespace);
    const spec = {
      selector: { matchLabels: { app: 'cart' } },
      mtls: { mode: 'PERMISSIVE' },
      portLevelMtls: { 8080: { mode: 'STRICT' } },
    };
    await s.create(policies, policy('p', spec, { annotations: { keep: '1', drop: '2' } }));
    await s.merge(`${policies}/p`, {
      metadata: { annotations: { drop: null, absent: null, add: '3' } },
      spec: { mtls: { mode: 'STRICT' }, portLevelMtls: null },
    });
    await s.merge(`${policies}/p`, { spec: { selector: { matchLabels: { app: null, tier: 'core' } } } });
    await s.merge(`${policies}/none`, { spec: { mtls: { mode: 'STRICT' } } });
  },

  'a list in a merge patch replaces the whole list': async s => {
    const { widgets } = collections(s.namespace);
    await s.create(widgets, widget('w', { size: 1, parts: [{ id: 'a' }, { id: 'b', weight: 2 }] }));
    await s.merge(`${widgets}/w`, { spec: { parts: [{ id: 'c' }] } });
  },

  'a patch can ask for version and uid': async s => {
    const { policies } = collections(s.namespace);
    const made = await s.create(policies, policy('p', { mtls: { mode: 'PERMISSIVE' } }));
    const { uid, resourceVersion } = made.body.metadata;
    await s.merge(`${policies}/p`, { metadata: { uid, resourceVersion }, spec: { mtls: { mode: 'STRICT' } } });
    await s.merge(`${policies}/p`, { metadata: { uid, resourceVersion }, spec: { mtls: { mode: 'DISABLE' } } });
    await s.merge(`${policies}/p`, { metadata: { uid: OTHER_UID }, spec: { mtls: { mode: 'DISABLE' } } });
    await s.merge(`${policies}/p`, { metadata: { uid }, spec: { mtls: { mode: 'DISABLE' } } });
  },

  'the same preconditions hold for built-in kinds': async s => {
    const { configMaps } = collections(s.namespace);
    const made = await s.create(configMaps, configMap('c', { a: '1' }));
    const { resourceVersion } = made.body.metadata;
    await s.merge(`${configMaps}/c`, { metadata: { resourceVersion }, data: { a: '2' } });
    await s.merge(`${configMaps}/c`, { metadata: { resourceVersion }, data: { a: '3' } });
    await s.merge(`${configMaps}/c`, { metadata: { uid: OTHER_UID }, data: { a: '3' } });
    await s.merge(`${configMaps}/c`, { data: { a: null, b: '1' } });
  },

  'a patch that changes nothing writes nothing': async s => {
    const { policies, configMaps } = collections(s.namespace);
    await s.create(policies, policy('p', { mtls: { mode: 'STRICT' } }));
    await s.merge(`${policies}/p`, { spec: { mtls: { mode: 'STRICT' } }, metadata: { labels: { absent: null } } });
    await s.create(configMaps, configMap('c', { a: '1' }));
    await s.merge(`${configMaps}/c`, { data: { a: '1' } });
    const seen = await s.get(`${policies}/p`);
    await s.replace(`${policies}/p`, seen.body);
  },

  'generation counts specs, versions count everything': async s => {
    const { widgets } = collections(s.namespace);
    const versions: string[] = [];
    const keep = async (answer: Promise<{ body: { metadata: { resourceVersion: string } } }>) =>
      versions.push((await answer).body.metadata.resourceVersion);
    await keep(s.create(widgets, widget('w', { size: 1 }, { generation: 7 })));
    await keep(s.merge(`${widgets}/w`, { metadata: { labels: { a: 'b' } } }));
    await keep(s.merge(`${widgets}/w`, { spec: { size: 2 } }));
    await keep(s.merge(`${widgets}/w`, { metadata: { generation: 9, annotations: { a: 'b' } } }));
    await keep(s.merge(`${widgets}/w/status`, { status: { phase: 'Busy' } }));
    s.note(
      'versions grow',
      versions.every((rv, i) => i === 0 || BigInt(rv) > BigInt(versions[i - 1]!)),
    );
  },

  'what a patch may not change': async s => {
    const { widgets } = collections(s.namespace);
    await s.create(widgets, widget('w'));
    await s.merge(`${widgets}/w`, { metadata: { name: 'v' } });
    await s.merge(`${widgets}/w`, { metadata: { namespace: 'elsewhere' } });
    await s.merge(`${widgets}/w`, { metadata: { creationTimestamp: '2020-01-01T00:00:00Z' } });
    await s.merge(`${widgets}/w`, { kind: 'Gadget' });
    await s.merge(`${widgets}/w`, { spec: null });
  },

  'status and spec are written by different doors': async s => {
    const { widgets } = collections(s.namespace);
    await s.create(widgets, { ...widget('w'), status: { phase: 'Ignored' } });
    await s.merge(`${widgets}/w`, { spec: { size: 2 }, status: { phase: 'Ignored' } });
    await s.merge(`${widgets}/w/status`, {
      metadata: { labels: { ignored: 'yes' } },
      spec: { size: 3 },
      status: { phase: 'Busy', observedGeneration: 2, conditions: [{ type: 'Ready', status: 'False' }] },
    });
    await s.get(`${widgets}/w/status`);
    const seen = await s.get(`${widgets}/w`);
    await s.replace(`${widgets}/w/status`, { ...seen.body, spec: { size: 4 }, status: { phase: 'Idle' } });
    await s.replace(`${widgets}/w/status`, { ...seen.body, status: { phase: 'Late' } });
    await s.merge(`${widgets}/w/status`, { status: { phase: 'Idle' } });
    await s.merge(`${widgets}/w/status`, { status: { conditions: [{ type: 'Ready' }] } });
    await s.merge(`${widgets}/none/status`, { status: { phase: 'Busy' } });
  },

  'the status of a rollout is kept beside its spec': async s => {
    const { rollouts } = collections(s.namespace);
    const path = `${rollouts}/r`;
    await s.quietly({ method: 'POST', path: rollouts, body: rollout('r', { target: { namespace: {} } }) });
    const patched = await s.quietly({
      method: 'PATCH',
      path: `${path}/status`,
      contentType: 'application/merge-patch+json',
      body: { status: { phase: 'Observing', observedGeneration: 1, unknown: true }, spec: { mode: 'Plan' } },
    });
    s.note('answer', patched.status);
    s.note('status', patched.body['status']);
    s.note('mode', (patched.body['spec'] as { mode: string }).mode);
    s.note('generation', patched.body.metadata.generation);
    await s.merge(`${path}/status`, { status: { phase: 'Nonsense' } });
  },

  'a strategic merge patch on built-in kinds': async s => {
    const path = `${NAMESPACES}/${s.namespace}`;
    await s.patch(path, { metadata: { labels: { tier: 'core', team: null } } }, STRATEGIC);
    const { widgets } = collections(s.namespace);
    await s.create(widgets, widget('w'));
    await s.patch(`${widgets}/w`, { spec: { size: 2 } }, STRATEGIC);
  },

  'a dry run answers and changes nothing': async s => {
    const { policies } = collections(s.namespace);
    const dry = { dryRun: 'All' };
    await s.create(policies, policy('p', { mtls: { mode: 'STRICT' } }), dry);
    await s.get(`${policies}/p`);
    await s.create(policies, policy('p', { mtls: { mode: 'PERMISSIVE' } }));
    await s.create(policies, policy('p', { mtls: { mode: 'STRICT' } }), dry);
    const tried = await s.quietly({
      method: 'PATCH',
      path: `${policies}/p`,
      query: dry,
      contentType: 'application/merge-patch+json',
      body: { spec: { mtls: { mode: 'STRICT' } } },
    });
    s.note('tried', [tried.status, tried.body['spec'], tried.body.metadata.generation]);
    await s.merge(`${policies}/p`, { spec: { mtls: { mode: 'NONSENSE' } } }, dry);
    await s.remove(`${policies}/p`, undefined, dry);
    await s.get(`${policies}/p`);
    await s.create(policies, policy('q', {}), { dryRun: 'Some' });
  },

  'who wrote which way is on record': async s => {
    const { policies } = collections(s.namespace);
    await s.quietly({
      method: 'POST',
      path: policies,
      query: { fieldManager: 'author' },
      body: policy('p', { mtls: { mode: 'PERMISSIVE' } }),
    });
    const patched = await s.quietly({
      method: 'PATCH',
      path: `${policies}/p`,
      query: { fieldManager: 'mtls-rollout' },
      contentType: 'application/merge-patch+json',
      body: { spec: { mtls: { mode: 'STRICT' } } },
    });
    const { managedFields } = patched.body.metadata as unknown as {
      managedFields: { manager: string; operation: string }[];
    };
    s.note('managers', managedFields.map(({ manager, operation }) => `${manager} ${operation}`).sort());
  },
};
