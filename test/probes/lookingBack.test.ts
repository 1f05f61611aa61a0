/** Evidence about a change never looks back beyond the change: of every kind that asks Prometheus, at any age of it. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { kindOf } from '../../src/api/schema/probes/kinds.ts';
import { specSchema, type ProbeSpec } from '../../src/api/schema.ts';
import { type Look, METRICS_PRESETS, type MetricsPreset, type Series } from '../../src/probes/probe.ts';
import { buildProbes } from '../../src/probes/registry.ts';
import { type Asked, blindCluster, edge, look, metrics, NOW, pod, SECOND } from './scene.ts';

const QUERY = { name: 'own', expr: 'own{namespace="${namespace}"}[${window}]', parameters: [] };
const KINDS = [
  { plaintextTraffic: {} },
  { plaintextTraffic: { window: '20s', minRequests: 0 } },
  { trafficDrop: {} },
  { refusedConnections: {} },
  { ambientDenials: {} },
  { clientErrors: {} },
  { controlPlane: {} },
  { prometheus: { query: 'own', max: 1 } },
];
const PODS = [pod(), pod({ name: 'redis-0', mesh: 'Ambient' })];

/** Answers so that every probe asks all that it ever asks. */
function answer(query: string): Series[] {
  const { labels } = edge('shop/frontend', 'cart/cartservice', 0);
  return [
    { labels: { ...labels, namespace: 'cart', pod: 'cartservice-0' }, value: query.includes('pilot_xds{') ? 9 : 50 },
  ];
}

async function askedBy(spec: object, preset: MetricsPreset, at: Look): Promise<Asked[]> {
  const sight = metrics(answer);
  const specs: ProbeSpec[] = specSchema.shape.probes.parse([{ name: 'p', ...spec }]);
  const around = {
    sight,
    preset,
    metrics: true,
    cluster: blindCluster,
    author: { namespace: 'cart', name: 'r', uid: 'u' },
    isRoot: false,
  };
  const [probe] = buildProbes(specs, { ...around, queries: [QUERY], plan: '', receivers: [] });
  assert.ok(probe && 'observe' in probe);
  await probe.observe(at);
  return sight.asked;
}

/** Start of what a query looks at, the earliest; a look for what was there in the hour before only takes away. */
function since({ query, time }: Asked): number {
  const counted = query.replaceAll(/unless present_over_time\([^)]*\[1h\] offset [0-9]+s\)/g, '');
  assert.doesNotMatch(counted, /\boffset\b|@/);
  const longest = (pattern: RegExp) =>
    Math.max(0, ...[...counted.matchAll(pattern)].map(([, s]) => Number(s) * SECOND));
  // a range within a subquery looks back from each of its steps
  const within = longest(/\[(\d+)s\]/g) + longest(/\[(\d+)s:\d+s\]/g);
  return time - within;
}

describe('a look at a change', () => {
  for (const spec of KINDS) {
    for (const preset of METRICS_PRESETS) {
      const kind = kindOf(specSchema.shape.probes.parse([{ name: 'p', ...spec }])[0]!);
      it(`of ${kind} (${JSON.stringify(spec)}), preset ${preset}, never goes back beyond the change`, async () => {
        const ages = fc.tuple(fc.integer({ min: 0, max: 1_000_000 }), fc.integer({ min: 0, max: 120_000 }));
        await fc.assert(
          fc.asyncProperty(ages, async ([age, spread]) => {
            const changedAt = NOW - age;
            const inForceAt = Math.min(NOW, changedAt + spread);
            for (const given of [{ changedAt }, { changedAt, inForceAt }]) {
              for (const one of await askedBy(spec, preset, look(PODS, given))) {
                // a baseline ends with the change; everything else begins with it
                if (one.time <= changedAt) continue;
                assert.ok(since(one) >= changedAt, `${one.query} at +${one.time - changedAt} ms`);
              }
            }
          }),
          { numRuns: 60 },
        );
      });
    }
  }
});
